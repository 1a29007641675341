import type { ReplicaSettings } from '@dougdb/replica';
import type { Wal, WalEntry } from '@dougdb/wal';
import { codeOf } from '../src/error-code.js';
import { decodeHardState, encodeHardState } from '../src/format/hard-state-format.js';
import { decodeReplicaState, encodeReplicaState } from '../src/format/replica-state-format.js';
import { Alone } from './support/alone.js';
import { put } from './support/commands.js';
import { brief } from './support/sink.js';
import type { TestNodeOptions } from './support/test-node.js';

const REPLICA = 11;
/** Commands of a replica that stopped with a frontier behind its log. */
const BEHIND = 20;
/** Its frontier: index 1 is genesis, index 2 opens the term, then one command each. */
const FRONTIER = 11;

/** A replica that has written something and stopped. */
async function stopped(): Promise<Alone> {
  const alone = await Alone.started();
  for (let i = 1; i <= 3; i++) await alone.write(put('k', `v${i}`));
  await alone.run(alone.node.stop());
  return alone;
}

/** A replica that stopped with some log above its frontier. */
async function stoppedBehind(
  settings: Partial<ReplicaSettings> = {},
  options: Partial<TestNodeOptions> = {},
): Promise<Alone> {
  const alone = await Alone.started({
    settings: { freezeLogEntries: 10, retainLogBytes: 0, ...settings },
    ...options,
  });
  for (let i = 1; i <= BEHIND; i++) {
    // The second freeze is asked for and does not end.
    if (i === 15) alone.node.fs.failNext({ path: /db/ }, { fault: 'stall' }, 1000);
    await alone.write(put('k', `v${i}`));
  }
  alone.node.crash();
  return alone;
}

/** Changes the log while nobody else has it. */
async function withLog(alone: Alone, change: (wal: Wal) => void): Promise<void> {
  const wal = await alone.run(alone.node.openWal());
  change(wal);
  await alone.run(wal.close());
}

function entry(index: number, term: number): WalEntry {
  return { index, term, type: 0, data: new Uint8Array(0), checksum: 0 };
}

async function codeOfStart(alone: Alone): Promise<unknown> {
  try {
    await alone.run(alone.node.start());
    return null;
  } catch (error) {
    return codeOf(error);
  }
}

describe('starting', () => {
  it('makes the same durable beginning on every replica, and begins the log behind it', async () => {
    const alone = await Alone.started();
    const log = alone.node.wal.log(REPLICA);
    expect([log.firstIndex(), log.term(1)]).toEqual([2, 1]);
    const stored = decodeHardState(REPLICA, alone.node.hardState.values.get(REPLICA)!);
    expect(stored).toMatchObject({ term: 2, vote: REPLICA });
  });

  it('INVARIANT(vote-durable): refuses to start without the hard state that its log must have', async () => {
    const alone = await stopped();
    alone.node.hardState.values.clear();
    expect(await codeOfStart(alone)).toBe('REPLICA_HARD_STATE');
  });

  it('INVARIANT(vote-durable): refuses to start with a hard state that fails its check', async () => {
    const alone = await stopped();
    const value = alone.node.hardState.values.get(REPLICA) as Uint8Array;
    value[3]! ^= 1;
    expect(await codeOfStart(alone)).toBe('REPLICA_HARD_STATE');
  });

  it('INVARIANT(term-before-entries): refuses to start with a hard state older than its log', async () => {
    const alone = await stopped();
    const old = encodeHardState(REPLICA, { term: 1, vote: 0, counter: 2 });
    alone.node.hardState.values.set(REPLICA, old);
    expect(await codeOfStart(alone)).toBe('REPLICA_HARD_STATE');
  });

  it('refuses to start when the log lost what was known to be committed', async () => {
    const alone = await stopped();
    alone.node.fs.removeTree('/data/wal');
    expect(await codeOfStart(alone)).toBe('REPLICA_LOG_LOST');
  });

  it('INVARIANT(conf-durably-committed): knows after a restart what was committed, from the log alone', async () => {
    const alone = await stopped();
    await alone.start();
    // The hint came with the entry after the last commit: everything before it is applied at once.
    const { commitIndex, appliedIndex } = alone.node.replica.status();
    expect(appliedIndex).toBe(commitIndex);
    expect(await alone.read('k')).toBe('found v3 3');
  });

  it('refuses to start when its tables are gone and its log is not', async () => {
    const alone = await stopped();
    alone.node.fs.removeTree('/data/db');
    expect(await codeOfStart(alone)).toBe('REPLICA_STATE_CORRUPT');
  });

  it('INVARIANT(frontier-atomic): refuses to start when its tables are newer than its state record', async () => {
    const alone = await stoppedBehind();
    const db = await alone.run(alone.node.openDb());
    const record = db.hostState as Uint8Array;
    db.put(db.lastSequence + 1, new Uint8Array([107]), new Uint8Array(3));
    db.freeze(record);
    await alone.run(db.flushed());
    await alone.run(db.close());
    expect(await codeOfStart(alone)).toBe('REPLICA_STATE_CORRUPT');
  });

  it('refuses to start on the state of another partition', async () => {
    const alone = await stopped();
    const db = await alone.run(alone.node.openDb());
    const state = decodeReplicaState(db.hostState as Uint8Array);
    const descriptor = { ...state.descriptor, partitionId: 3 };
    db.freeze(encodeReplicaState({ ...state, descriptor }));
    await alone.run(db.flushed());
    await alone.run(db.close());
    expect(await codeOfStart(alone)).toBe('REPLICA_STATE_CORRUPT');
  });

  it('serves nothing until everything up to the durable commit hint is applied', async () => {
    const alone = await stopped();
    await alone.run(alone.node.start(false));
    const { node } = alone;
    expect(node.replica.status().state).toBe('starting');
    const answers = await alone.all([
      node.write(put('k', 'v')),
      node.read('k'),
      node.read('k', { level: 'eventual' }),
    ]);
    expect(answers).toEqual(Array.from({ length: 3 }, () => 'STARTING NOT_APPLIED'));
    await alone.scheduler.step();
    expect(node.replica.status().state).toBe('serving');
  });

  it('serves nothing while it replays, however many turns that takes', async () => {
    const alone = await stoppedBehind({ applySliceMs: 0 });
    await alone.run(alone.node.start(false));
    const { node } = alone;
    const { appliedIndex, commitIndex } = node.replica.status();
    expect(commitIndex - appliedIndex).toBeGreaterThan(5);
    await alone.scheduler.step();
    expect(node.replica.status().appliedIndex).toBeGreaterThan(appliedIndex);
    expect(node.replica.status().state).toBe('starting');
    expect(brief(await alone.run(node.read('k')))).toBe('STARTING NOT_APPLIED');
    await alone.scheduler.advance(1);
    expect(node.replica.status()).toMatchObject({ state: 'serving', revision: BEHIND });
  });

  it('refuses to start when the log ends below the frontier: acknowledged entries are gone', async () => {
    const alone = await stoppedBehind();
    await withLog(alone, (wal) => {
      wal.removeLog(REPLICA);
      wal.compactPrefix(REPLICA, 1, 1);
      wal.append(REPLICA, [entry(2, 2), entry(3, 2)], 2);
    });
    expect(await codeOfStart(alone)).toBe('REPLICA_LOG_LOST');
  });

  it('refuses to start when the log has another term at the frontier', async () => {
    const alone = await stoppedBehind();
    await withLog(alone, (wal) => {
      wal.removeLog(REPLICA);
      wal.compactPrefix(REPLICA, 1, 1);
      for (let index = 2; index < 30; index++) wal.append(REPLICA, [entry(index, 1)], 0);
    });
    expect(await codeOfStart(alone)).toBe('REPLICA_LOG_LOST');
  });

  it('INVARIANT(log-behind-frontier): refuses to start when the log begins above its tables', async () => {
    const alone = await stoppedBehind();
    await withLog(alone, (wal) => wal.compactPrefix(REPLICA, FRONTIER + 2, 2));
    expect(await codeOfStart(alone)).toBe('REPLICA_LOG_LOST');
  });

  it('INVARIANT(conf-durably-committed): refuses to start when the log ends below its commit hint', async () => {
    const alone = await stoppedBehind();
    await withLog(alone, (wal) => {
      expect(wal.log(REPLICA).commitHint()).toBeGreaterThan(FRONTIER + 2);
      wal.truncateSuffix(REPLICA, FRONTIER + 2);
    });
    expect(await codeOfStart(alone)).toBe('REPLICA_LOG_LOST');
  });

  it('goes out of service, not down, when an entry of the log has rotted', async () => {
    const alone = await stoppedBehind({}, { walMode: 'replicated' });
    const [segment] = alone.node.fs.list('/data/wal').filter((name) => name.endsWith('.wal'));
    const path = `/data/wal/${segment}`;
    const needle = Buffer.from('v14');
    const at = Buffer.from(alone.node.fs.contents(path)).indexOf(needle);
    expect(at).toBeGreaterThan(0);
    alone.node.fs.corrupt(path, at, 0xff);
    await alone.start();
    expect(alone.node.replica.status().state).toBe('corrupt');
    expect(await alone.read('k')).toBe('CORRUPT NOT_APPLIED');
    expect(alone.node.fatal).toEqual([]);
  });

  it('INVARIANT(log-time-monotonic): stamps after what is in the log, though the wall clock went back', async () => {
    const alone = await Alone.started();
    for (let i = 1; i <= 3; i++) await alone.write(put('k', `v${i}`));
    alone.node.wallOffsetMs = -3_600_000;
    alone.node.crash();
    await alone.start();
    expect(await alone.write(put('k', 'v4'))).toBe('written 4');
    expect(alone.node.replica.status().state).toBe('serving');
  });

  it('finishes a genesis that a crash has interrupted, at whatever operation', async () => {
    const whole = new Alone();
    await whole.run(whole.node.start());
    const mutations = whole.node.fs.mutationCount;
    for (let at = 1; at <= mutations; at++) {
      const alone = new Alone();
      alone.node.fs.crashAtMutation(at);
      const failed = await codeOfStart(alone);
      alone.node.crash(at % 3 === 0 ? 50 : 0);
      expect([at, failed === null ? null : await codeOfStart(alone)]).toEqual([at, null]);
      if (failed === null) continue;
      await alone.scheduler.advance(50);
      expect(await alone.write(put('k', 'v'))).toBe('written 1');
    }
    expect(mutations).toBeGreaterThan(5);
  });
});
