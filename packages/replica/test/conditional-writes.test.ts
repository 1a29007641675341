import { decodeReplicaState } from '@dougdb/replica';
import type { OpIdFields } from '@dougdb/rpc-proto';
import { Alone } from './support/alone.js';
import { del, opId, put } from './support/commands.js';
import { brief } from './support/sink.js';
import { TestCluster } from './support/test-cluster.js';
import type { TestNode } from './support/test-node.js';
import {
  deleteRange,
  deleteRangeStep,
  deleteStep,
  getStep,
  putStep,
  revisionIs,
  scanStep,
  txn,
} from './support/txns.js';

const SEED = Number(process.env.DOUG_SEED ?? Date.now() % 1_000_000);

/** Ops that look, each with the answer that it gets in this order in an empty partition. */
function script(startedAt: number): { readonly op: Uint8Array; readonly answer: string }[] {
  const returnPrevious = true;
  const id = (seq: number): OpIdFields => opId(1, startedAt, seq);
  return [
    { op: put('a', '1', id(1), { ifAbsent: true }), answer: 'done 1 was nothing' },
    { op: put('a', '2', id(2), { ifAbsent: true, returnPrevious }), answer: 'refused 1 was 1 1' },
    { op: put('a', '3', id(3), { ifRevision: 1, returnPrevious }), answer: 'done 2 was 1 1' },
    { op: put('a', '4', id(4), { ifRevision: 1 }), answer: 'refused 2 was 2' },
    { op: del('b', id(5), { returnExisted: true }), answer: 'done 2 was nothing' },
    { op: del('a', id(6), { ifRevision: 2, returnPrevious }), answer: 'done 3 was 3 2' },
    { op: del('a', id(7), { returnPrevious }), answer: 'done 3 was nothing' },
    { op: put('a', '', id(8), { returnPrevious }), answer: 'done 4 was nothing' },
    { op: put('a', '9', id(9), { returnPrevious }), answer: 'done 5 was  4' },
    { op: put('a', '10', id(10)), answer: 'written 6' },
  ];
}

describe('writes that look first', () => {
  it('are carried out at their place in the log, in one entry or in many', async () => {
    const alone = await Alone.started();
    const ops = script(alone.now);
    const before = alone.node.replica.status().lastIndex;
    expect(await alone.all(ops.map(({ op }) => alone.node.write(op)))).toEqual(
      ops.map(({ answer }) => answer),
    );
    expect(alone.node.replica.status().lastIndex).toBe(before + 1);
    const single = await Alone.started();
    for (const { op, answer } of script(single.now)) expect(await single.write(op)).toBe(answer);
    expect(single.node.replica.stateHash()?.hash).toBe(alone.node.replica.stateHash()?.hash);
    expect(await alone.read('a')).toBe('found 10 6');
  });

  it('INVARIANT(applied-once): answer as the first time, after restarts from log and state record', async () => {
    for (const freezeLogEntries of [3, 1000]) {
      const alone = await Alone.started({ settings: { freezeLogEntries, retainLogBytes: 0 } });
      const ops = script(alone.now);
      for (const { op, answer } of ops) expect(await alone.write(op)).toBe(answer);
      await alone.write(put('a', 'later'));
      for (let restarts = 0; restarts < 2; restarts++) {
        expect(await alone.all(ops.map(({ op }) => alone.node.write(op)))).toEqual(
          ops.map(({ answer }) => answer),
        );
        expect(alone.node.replica.status()).toMatchObject({ revision: 7, sessions: 1 });
        await alone.restart();
      }
    }
  });

  it('INVARIANT(applied-once): answer as the first time when they are sent to the next leader', async () => {
    const cluster = await TestCluster.started({ settings: { freezeLogEntries: 4 } });
    const first = await cluster.untilLed();
    const ops = script(first.replica.header().logTime);
    for (const { op, answer } of ops.slice(0, 5)) {
      expect(brief(await cluster.run(first.write(op)))).toBe(answer);
    }
    // The sixth reaches a quorum; that never reaches its leader.
    for (const { nodeId } of cluster.followers) cluster.cut.add(`${nodeId}>${first.nodeId}`);
    first.send(ops[5]!.op);
    await cluster.scheduler.advance(3);
    first.crash();
    cluster.heal();
    await cluster.untilLed();
    for (const { op, answer } of [...ops, ...ops]) {
      expect(brief(await cluster.writeUntilKnown(op))).toBe(answer);
    }
    await cluster.run(first.start());
    await cluster.untilEqual();
    const hashes = cluster.nodes.map((node) => JSON.stringify(node.replica.stateHash()));
    expect(new Set(hashes).size).toBe(1);
  });

  it('without an op id are carried out each time they are sent', async () => {
    const alone = await Alone.started();
    const op = put('a', '1', null, { ifAbsent: true });
    expect(await alone.write(op)).toBe('done 1 was nothing');
    expect(await alone.write(op)).toBe('refused 1 was 1');
  });

  it('are remembered below the cap of the state record, whatever they return', async () => {
    const alone = await Alone.started({ settings: { freezeLogEntries: 5 } });
    const startedAt = alone.now;
    const value = 'x'.repeat(4096);
    await alone.write(put('a', value));
    const op = (n: number): Uint8Array =>
      put('a', value, opId(1 + (n >> 9), startedAt, 1 + (n & 511)), { returnPrevious: true });
    const count = 1000;
    for (let n = 0; n < count; n += 50) {
      const writes = Array.from({ length: 50 }, (_, i) => alone.node.write(op(n + i)));
      const answers = await alone.all(writes);
      expect(answers.every((answer) => answer.includes(value))).toBe(true);
    }
    await alone.restart();
    const again = await alone.all(Array.from({ length: count }, (_, n) => alone.node.write(op(n))));
    const kept = again.filter((answer) => answer.includes(value)).length;
    // 3 MiB of results, then outcome and revision alone.
    expect(kept).toBeGreaterThan(700);
    expect(kept).toBeLessThan(768);
    expect(again.at(-1)).toBe(`done ${count + 1} not kept`);
    const record = alone.node.db.hostState as Uint8Array;
    expect(decodeReplicaState(record).sessions.size).toBe(2);
    expect(record.length).toBeGreaterThan(3_000_000);
    expect(record.length).toBeLessThan(4 << 20);
  });

  it(`make equal states on replicas that flush and cache differently, DOUG_SEED=${SEED}`, async () => {
    const different = [
      { memtableBytes: 4 << 10, cacheBytes: 0, level0Tables: 1 },
      { memtableBytes: 16 << 10, cacheBytes: 2000 },
      {},
    ];
    const cluster = await TestCluster.started({
      seed: SEED,
      settings: { freezeLogEntries: 25 },
      node: (nodeId) => different[nodeId - 1] ?? {},
    });
    const { random } = cluster;
    const leader = await cluster.untilLed();
    let revision = 0;
    for (let round = 0; round < 40; round++) {
      const writes = Array.from({ length: 8 }, () => {
        const key = `k${random.int(12)}`;
        const ifRevision = Math.max(1, revision - random.int(12));
        const value = 'v'.repeat(random.int(300));
        const ops = [
          put(key, value),
          put(key, value, null, { ifAbsent: true }),
          put(key, value, null, { ifRevision, returnPrevious: random.chance(0.5) }),
          put(key, value, null, { returnPrevious: true }),
          del(key, null, { returnExisted: true }),
          del(key, null, { ifRevision }),
          del(key),
          txn({
            if: [revisionIs(key, '<', ifRevision)],
            success: [putStep(key, value), scanStep('k', 'l', { limit: 3, reverse: true })],
            failure: [deleteStep(key, true), deleteRangeStep('k1', 'k10'), getStep('k2')],
          }),
          deleteRange(key, 'l', 1 + random.int(2)),
        ];
        return leader.write(random.pick(ops));
      });
      for (const answer of (await cluster.run(Promise.all(writes))).map(brief)) {
        expect(answer).toMatch(/^(written|done|refused) /);
        revision = Number(answer.split(' ')[1]);
      }
      if (round % 10 === 9) await cluster.scheduler.advance(100);
    }
    await cluster.untilEqual();
    const flushes = cluster.nodes.map((node) => node.db.stats().flushes);
    expect(new Set(flushes).size).toBeGreaterThan(1);
    const hashes = cluster.nodes.map((node) => JSON.stringify(node.replica.stateHash()));
    expect(new Set(hashes).size).toBe(1);
    await expectEqualScans(cluster, cluster.nodes);
  });
});

async function expectEqualScans(cluster: TestCluster, nodes: readonly TestNode[]): Promise<void> {
  const shown: string[] = [];
  for (const node of nodes) {
    const answers = Array.from({ length: 12 }, (_, i) => node.read(`k${i}`, { level: 'eventual' }));
    shown.push((await cluster.run(Promise.all(answers))).map(brief).join());
  }
  expect(new Set(shown).size).toBe(1);
}
