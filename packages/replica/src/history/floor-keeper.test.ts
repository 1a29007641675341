import { silentLogger } from '@dougdb/ports';
import { SimScheduler } from '@dougdb/ports/sim';
import { CommandView, DougError, readCommand } from '@dougdb/rpc-proto';
import { descriptorOf } from '../../test/support/test-node.js';
import type { AnswerSink } from '../contract.js';
import { LogClock } from '../state/log-clock.js';
import { genesisState } from '../state/replica-state.js';
import { FloorKeeper } from './floor-keeper.js';

function bench(historyMs: number) {
  const scheduler = new SimScheduler();
  const clock = scheduler.clock();
  const logClock = new LogClock(clock, silentLogger, 0);
  const state = genesisState(descriptorOf(1), logClock.stamp());
  const proposed: { revision: number; sink: AnswerSink }[] = [];
  const keeper = new FloorKeeper({
    ...{ state, logClock, historyMs },
    propose: (command, sink) => {
      const view = new CommandView();
      readCommand(command, 0, command.length, view);
      const { body } = view;
      proposed.push({ revision: body?.kind === 'compact' ? body.compact.revision : -1, sink });
    },
  });
  /** One entry with a write a second, and ticks. */
  const run = async (seconds: number): Promise<void> => {
    for (let i = 0; i < seconds; i++) {
      state.logTime = logClock.stamp();
      state.revision++;
      keeper.entryApplied();
      keeper.tick();
      await scheduler.advance(1000);
    }
  };
  return { state, proposed, keeper, run, scheduler };
}

const written = (sink: AnswerSink | undefined): void =>
  sink?.looked(0, {
    ...{ revision: 0, compareFailed: false, previousRevision: 0, previousValue: null },
  });

describe('the keeper of the history floor', () => {
  it('proposes about every tenth of a history, one at a time', async () => {
    const { state, proposed, run } = bench(100_000);
    await run(100);
    expect(proposed).toEqual([]);
    await run(30);
    // The first one has no answer: no other is made meanwhile.
    expect(proposed.map(({ revision }) => revision)).toEqual([2]);
    state.historyFloor = 2;
    written(proposed[0]?.sink);
    await run(50);
    for (const { sink } of proposed.slice(1)) written(sink);
    expect(proposed.length).toBe(2);
    await run(30);
    expect(proposed.length).toBe(3);
    const [, , last] = proposed;
    expect(state.revision - (last?.revision ?? 0)).toBeGreaterThanOrEqual(100);
  });

  it('proposes again a moment after a refusal', async () => {
    const { proposed, run } = bench(100_000);
    await run(103);
    const refused = new DougError('BUSY', 'too much is proposed', { outcome: 'NOT_APPLIED' });
    proposed[0]?.sink.failed(0, refused);
    await run(3);
    expect(proposed.length).toBe(2);
  });
});
