import { crc32 } from '@dougdb/ports';
import { decodeReplicaState, LOG_TIME_PER_MS } from '@dougdb/replica';
import { LINEARIZABLE } from '@dougdb/rpc-proto';
import { Alone } from './support/alone.js';
import { bytesOf, del, opId, put, textOf } from './support/commands.js';
import { brief } from './support/sink.js';
import { descriptorOf } from './support/test-node.js';

describe('a replica alone', () => {
  it('is ready as soon as it is made, and writes, reads, deletes', async () => {
    const alone = await Alone.started();
    const { replica } = alone.node;
    expect(replica.status()).toMatchObject({ state: 'serving', role: 'leader', term: 2 });
    expect(await alone.write(put('k', 'v1'))).toBe('written 1');
    expect(await alone.read('k')).toBe('found v1 1');
    expect(await alone.write(put('k', 'v2'))).toBe('written 2');
    expect(brief(await alone.run(alone.node.read('k', { level: 'eventual' })))).toBe('found v2 2');
    expect(await alone.write(del('k'))).toBe('written 3');
    expect(await alone.read('k')).toBe('absent');
    expect(await alone.write(del('k'))).toBe('written 4');
    expect(replica.header()).toMatchObject({ partitionId: 2, revision: 4, ageMs: 0 });
    expect(replica.descriptor).toEqual(descriptorOf(1));
    expect(replica.routeHint()).toMatchObject({ leaderNodeId: 1, nodes: [] });
  });

  it('tells a simulation of every entry that it applies, in order', async () => {
    const alone = await Alone.started();
    await alone.write(put('k', 'v1'));
    await alone.write(del('k'));
    const { begun, applied, replica } = alone.node;
    const { appliedIndex } = replica.status();
    const indexes = [...Array(appliedIndex + 1).keys()].slice(2);
    expect(begun.map(({ index }) => index)).toEqual(indexes);
    expect(begun.map(({ data }) => data.length > 0)).toEqual([false, true, true]);
    expect(begun.at(-1)).toMatchObject({ partitionId: 2, term: 2 });
    expect(applied.map(({ index }) => index)).toEqual(indexes);
    expect(applied.map(({ revision }) => revision)).toEqual([0, 1, 2]);
    const hash = replica.stateHash()?.hash;
    expect(applied.at(-1)).toMatchObject({ partitionId: 2, sessions: 0, hash });
  });

  it('puts the commands of a turn into one entry and answers each', async () => {
    const alone = await Alone.started();
    const before = alone.node.replica.status().lastIndex;
    const writes = Array.from({ length: 40 }, (_, i) => alone.node.write(put(`k${i}`, 'v')));
    const answers = await alone.all(writes);
    expect(answers).toEqual(Array.from({ length: 40 }, (_, i) => `written ${i + 1}`));
    expect(alone.node.replica.status().lastIndex).toBe(before + 1);
  });

  it('closes an entry at 1,024 commands and at 256 KiB', async () => {
    const alone = await Alone.started();
    const before = alone.node.replica.status().lastIndex;
    const many = Array.from({ length: 2100 }, (_, i) => alone.node.write(put(`k${i}`, 'v')));
    await alone.all(many);
    expect(alone.node.replica.status().lastIndex).toBe(before + 3);
    const large = 'x'.repeat(100_000);
    await alone.all(Array.from({ length: 5 }, (_, i) => alone.node.write(put(`k${i}`, large))));
    expect(alone.node.replica.status().lastIndex).toBe(before + 6);
  });

  it('answers one round of ReadIndex to all reads of a turn', async () => {
    const alone = await Alone.started();
    await alone.write(put('b', '1'));
    const reads = ['b', 'c', 'b'].map((key) => alone.node.read(key));
    expect(await alone.all(reads)).toEqual(['found 1 1', 'absent', 'found 1 1']);
  });

  it('scans its range, both ways, cut to the partition', async () => {
    const alone = await Alone.started();
    for (const key of ['b', 'd', 'c', 'y']) await alone.write(put(key, `v${key}`));
    await alone.write(del('d'));
    const scan = async (start: string, end: string, reverse = false): Promise<string> => {
      const deadlineMs = alone.node.clock.monotonicMs() + 1000;
      const bounds = { start: bytesOf(start), end: bytesOf(end) };
      const { iterator } = await alone.run(
        alone.node.replica.scan(
          { ...bounds, reverse, keysOnly: false, level: LINEARIZABLE, deadlineMs },
          1,
        ),
      );
      const found: string[] = [];
      while (iterator.next()) {
        found.push(`${textOf(iterator.key())}=${textOf(iterator.value())}@${iterator.sequence()}`);
      }
      iterator.close();
      return found.join(' ');
    };
    expect(await scan('', '')).toBe('b=vb@1 c=vc@3 y=vy@4');
    expect(await scan('', '', true)).toBe('y=vy@4 c=vc@3 b=vb@1');
    expect(await scan('c', 'y')).toBe('c=vc@3');
    expect(await scan('c', 'b')).toBe('');
    await expect(scan('z', '')).rejects.toMatchObject({ code: 'DOUG_EPOCH_MISMATCH' });
  });

  it('refuses bad and misplaced input with its code, and nothing changes', async () => {
    const alone = await Alone.started();
    const { node } = alone;
    const before = { ...node.replica.status(), ...node.replica.stateHash() };
    const garbage = new Uint8Array([1, 2, 3]);
    const answers = await alone.all([
      node.write(garbage),
      node.write(new Uint8Array(0)),
      node.write(put('', 'v')),
      node.write(put('k', 'v', opId(1, alone.now, 0))),
      node.write(new Uint8Array([...put('k', 'v'), 0x20, 0x01])),
      node.write(put('k'.repeat(9000), 'v')),
      node.write(put('A', 'v')),
      node.write(put('z', 'v')),
      node.write(put('k', 'v'), { epoch: 2 }),
      node.write(put('k', 'v'), { timeoutMs: 0 }),
      node.write(put('k', 'v', opId(1, alone.now, 1025))),
      node.read(''),
      node.read('z'),
      node.read('k', { epoch: 2 }),
      node.read('k', { timeoutMs: 0 }),
      node.read('z', { level: 'eventual' }),
    ]);
    const invalid = 'INVALID_ARGUMENT NOT_APPLIED';
    const moved = 'EPOCH_MISMATCH NOT_APPLIED';
    expect(answers).toEqual([
      ...Array.from({ length: 6 }, () => invalid),
      moved,
      moved,
      moved,
      'DEADLINE NOT_APPLIED',
      'BUSY NOT_APPLIED',
      invalid,
      moved,
      moved,
      'DEADLINE NOT_APPLIED',
      moved,
    ]);
    await alone.scheduler.advance(100);
    expect({ ...node.replica.status(), ...node.replica.stateHash() }).toEqual(before);
    expect(await alone.write(put('k', 'v'))).toBe('written 1');
  });

  it('gives the descriptor and the log time with what it refuses', async () => {
    const alone = await Alone.started();
    const old = opId(1, alone.now - 5 * 60_000 * LOG_TIME_PER_MS, 1);
    for (const command of [put('z', 'v'), put('k', 'v', old)]) {
      const answer = await alone.run(alone.node.write(command));
      if (answer.kind !== 'failed') throw new Error('it was taken');
      expect(answer.error.route).toMatchObject({ partition: descriptorOf(1), leaderNodeId: 1 });
      expect(answer.error.route?.logTime).toBeGreaterThan(0);
      const { logTime } = answer.error.route ?? { logTime: 0 };
      expect(await alone.write(put('k', 'v', opId(2, logTime, 1)))).toMatch(/written/);
    }
  });

  it('says BUSY when too much waits, and serves again when it does not', async () => {
    const alone = await Alone.started({ settings: { maxQueuedBytes: 100, maxQueuedReads: 2 } });
    const { node } = alone;
    const value = 'x'.repeat(30);
    const writes = await alone.all([1, 2, 3, 4].map(() => node.write(put('k', value))));
    expect(writes).toEqual(['written 1', 'written 2', 'BUSY NOT_APPLIED', 'BUSY NOT_APPLIED']);
    const reads = await alone.all([1, 2, 3].map(() => node.read('k')));
    expect(reads[2]).toBe('BUSY NOT_APPLIED');
    expect(await alone.write(put('k', value))).toBe('written 3');
    expect(await alone.read('k')).toContain('3');
  });

  it('INVARIANT(applied-once): answers resent ops as the first time, before and after a restart', async () => {
    const alone = await Alone.started();
    const start = alone.now;
    const ops = [1, 2, 3].map((seq) => put('k', `v${seq}`, opId(1, start, seq)));
    for (const [i, op] of ops.entries()) expect(await alone.write(op)).toBe(`written ${i + 1}`);
    expect(await alone.all(ops.map((op) => alone.node.write(op)))).toEqual([
      'written 1',
      'written 2',
      'written 3',
    ]);
    await alone.restart();
    expect(await alone.all(ops.map((op) => alone.node.write(op)))).toEqual([
      'written 1',
      'written 2',
      'written 3',
    ]);
    expect(await alone.write(put('k', 'v4', opId(1, start, 4, 4)))).toBe('written 4');
    expect(await alone.write(ops[0]!)).toBe('SESSION_EXPIRED UNKNOWN');
    expect(await alone.read('k')).toBe('found v4 4');
  });

  it('comes back from the frontier and the log behind it, hash and all', async () => {
    const alone = await Alone.started({ settings: { freezeLogEntries: 5, retainLogBytes: 0 } });
    const start = alone.now;
    for (let i = 1; i <= 10; i++) await alone.write(put(`k${i % 3}`, `v${i}`, opId(1, start, i)));
    await alone.write(del('k2'));
    await alone.scheduler.advance(50);
    const { node } = alone;
    const hash = node.replica.stateHash();
    const frontier = decodeReplicaState(node.db.hostState as Uint8Array);
    expect(frontier.appliedIndex).toBeGreaterThan(4);
    expect(frontier.appliedIndex).toBeLessThan(hash?.index ?? 0);
    await alone.restart();
    expect(node.replica.status()).toMatchObject({ revision: 11, state: 'serving', sessions: 1 });
    expect(node.replica.stateHash()).toMatchObject({ hash: hash?.hash });
    expect(await alone.all(['k0', 'k1', 'k2'].map((key) => node.read(key)))).toEqual([
      'found v9 9',
      'found v10 10',
      'absent',
    ]);
  });

  it('INVARIANT(log-behind-frontier): compacts the log only up to the durable frontier, less what it retains', async () => {
    for (const retainLogBytes of [0, 2000]) {
      const alone = await Alone.started({ settings: { freezeLogEntries: 5, retainLogBytes } });
      for (let i = 1; i <= 60; i++) {
        await alone.write(put('k', 'x'.repeat(50)));
        const record = alone.node.db.hostState as Uint8Array;
        const log = alone.node.wal.log(alone.node.replicaId);
        expect(log.firstIndex() - 1).toBeLessThanOrEqual(decodeReplicaState(record).appliedIndex);
      }
      await alone.scheduler.advance(50);
      const log = alone.node.wal.log(alone.node.replicaId);
      const kept = log.lastIndex() - log.firstIndex() + 1;
      // Each entry is 50 bytes of value and some 60 around it.
      if (retainLogBytes === 0) expect(kept).toBeLessThanOrEqual(10);
      else expect(kept).toBeGreaterThan(2000 / 150);
      expect(log.firstIndex()).toBeGreaterThan(2);
      await alone.restart();
      expect(await alone.read('k')).toContain(' 60');
    }
  });

  it('does not pin the log of the node when it falls idle: it is frozen and compacted once the log has moved on', async () => {
    const idle = await Alone.started({
      settings: { retainLogBytes: 300_000, freezeLogBytes: 300_000 },
    });
    for (let i = 1; i <= 3; i++) await idle.write(put('k', 'x'.repeat(50_000)));
    const other = idle.node.wal;
    const log = other.log(idle.node.replicaId);
    expect(log.firstIndex()).toBe(2);
    // Another partition's log in the same WAL.
    const data = new Uint8Array(100_000);
    const entry = { term: 1, type: 0, data, checksum: crc32(data) };
    for (let index = 1; index <= 20; index++) {
      other.append(99, [{ ...entry, index }], 0);
      await idle.run(new Promise((resolve) => other.sync(resolve)));
      if (index > 3) other.compactPrefix(99, index - 3, 1);
      await idle.scheduler.advance(600);
    }
    expect(log.firstIndex()).toBe(log.lastIndex() + 1);
    expect(other.stats().segments).toBeLessThan(6);
    await idle.restart();
    expect(await idle.read('k')).toContain(' 3');
  });

  it('compacts the log by what earlier processes wrote as well: many short lives keep no more than a long one', async () => {
    const retainLogBytes = 400_000;
    const settings = { retainLogBytes, freezeLogEntries: 3, freezeLogBytes: retainLogBytes };
    const alone = await Alone.started({ settings });
    const kept: number[] = [];
    for (let life = 0; life < 8; life++) {
      for (let i = 0; i < 5; i++) await alone.write(put('k', 'x'.repeat(50_000)));
      await alone.scheduler.advance(1500);
      const log = alone.node.wal.log(alone.node.replicaId);
      kept.push(log.lastIndex() - log.firstIndex() + 1);
      await alone.restart();
    }
    // Five entries of a life are not old enough by themselves; eight make 400 KB.
    expect(kept[0]).toBeGreaterThanOrEqual(5);
    for (const entries of kept.slice(3)) {
      expect(entries).toBeGreaterThanOrEqual(8);
      expect(entries).toBeLessThan(25);
    }
    expect(await alone.read('k')).toContain(' 40');
  });

  it('does not pin the log of the node over short lives either, when it falls idle', async () => {
    const settings = { retainLogBytes: 300_000, freezeLogBytes: 300_000 };
    const idle = await Alone.started({ settings });
    for (let i = 1; i <= 3; i++) await idle.write(put('k', 'x'.repeat(50_000)));
    const data = new Uint8Array(100_000);
    const entry = { term: 1, type: 0, data, checksum: crc32(data) };
    for (let index = 1; index <= 12; index++) {
      const { wal } = idle.node;
      wal.append(99, [{ ...entry, index }], 0);
      await idle.run(new Promise((resolve) => wal.sync(resolve)));
      if (index > 3) wal.compactPrefix(99, index - 3, 1);
      await idle.scheduler.advance(1500);
      await idle.restart();
    }
    const log = idle.node.wal.log(idle.node.replicaId);
    // Each start of an only voter adds the entry that begins its term.
    expect(log.firstIndex()).toBeGreaterThan(4);
    expect(idle.node.wal.stats().segments).toBeLessThan(10);
    expect(await idle.read('k')).toContain(' 3');
  });

  it('freezes when the memtable is full', async () => {
    const alone = await Alone.started({ memtableBytes: 16 << 10 });
    for (let i = 0; i < 12; i++) await alone.write(put(`k${i}`, 'x'.repeat(4000)));
    await alone.scheduler.advance(50);
    const record = decodeReplicaState(alone.node.db.hostState as Uint8Array);
    expect(record.appliedIndex).toBeGreaterThan(1);
    expect(alone.node.db.stats().flushes).toBeGreaterThan(1);
    await alone.restart();
    expect(await alone.read('k11')).toMatch(/^found x+ 12$/);
  });

  it('answers everybody when it closes, and nobody twice', async () => {
    const alone = await Alone.started();
    const { node } = alone;
    const proposed = node.write(put('k', 'v'));
    // One turn: the entry is on its way to the disk.
    await alone.scheduler.step();
    const gathered = node.write(put('k', 'v'));
    const read = node.read('k');
    const closed = node.replica.close();
    expect(await alone.all([proposed, gathered, read])).toEqual([
      'IN_DOUBT UNKNOWN',
      'NO_LEADER NOT_APPLIED',
      'NO_LEADER NOT_APPLIED',
    ]);
    await alone.run(closed);
    expect(brief(await alone.run(node.write(put('k', 'v'))))).toBe('NO_LEADER NOT_APPLIED');
    expect(brief(await alone.run(node.read('k')))).toBe('NO_LEADER NOT_APPLIED');
    node.replica.tick();
    expect(node.replica.status().state).toBe('stopped');
  });

  it('drains: refuses with DRAINING and ends when nothing is pending', async () => {
    const alone = await Alone.started();
    const { node } = alone;
    const before = node.write(put('k', 'v'));
    const drained = node.replica.drain(node.clock.monotonicMs() + 1000);
    expect(node.replica.drain(0)).toBe(drained);
    expect(brief(await alone.run(node.write(put('k', 'v'))))).toBe('DRAINING NOT_APPLIED');
    expect(brief(await alone.run(node.read('k')))).toBe('DRAINING NOT_APPLIED');
    expect(brief(await alone.run(before))).toBe('written 1');
    const startMs = node.clock.monotonicMs();
    await alone.run(drained);
    expect(node.clock.monotonicMs() - startMs).toBeLessThan(50);
  });

  it('tells a write IN_DOUBT at its deadline, and applies it all the same', async () => {
    const alone = await Alone.started();
    const { node } = alone;
    node.fs.failNext({ kind: 'datasync', path: /wal/ }, { fault: 'stall' });
    const write = node.write(put('k', 'v'), { timeoutMs: 30 });
    expect(brief(await alone.run(write))).toBe('IN_DOUBT UNKNOWN');
    node.fs.releaseStalled();
    expect(await alone.read('k')).toBe('found v 1');
  });

  it('stamps entries with log times that people can read', async () => {
    const alone = await Alone.started();
    const first = alone.now;
    await alone.scheduler.advance(2000);
    expect((alone.now - first) / LOG_TIME_PER_MS).toBeCloseTo(2000, 0);
    alone.node.clock.jumpWall(3_600_000);
    await alone.write(put('k', 'v'));
    expect((alone.now - first) / LOG_TIME_PER_MS).toBeLessThan(4000);
    expect(alone.node.events('replica.wall_clock.jumped')).toHaveLength(1);
  });
});
