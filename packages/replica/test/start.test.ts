import { codeOf } from '../src/error-code.js';
import { decodeHardState, encodeHardState } from '../src/format/hard-state-format.js';
import { Alone } from './support/alone.js';
import { put } from './support/commands.js';

const REPLICA = 11;

/** A replica that has written something and stopped. */
async function stopped(): Promise<Alone> {
  const alone = await Alone.started();
  for (let i = 1; i <= 3; i++) await alone.write(put('k', `v${i}`));
  await alone.run(alone.node.stop());
  return alone;
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
