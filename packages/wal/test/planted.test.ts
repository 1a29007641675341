import type { Operation, Verdict } from '@dougdb/ports/sim';
import { LogState } from '../src/log/log-state.js';
import { SegmentLedger } from '../src/log/segment-ledger.js';
import { FrameWriter } from '../src/write/frame-writer.js';
import { StreamCursor } from '../src/write/stream-cursor.js';
import { CRASHES, checkRecovery, collectStates } from './crash-states.js';
import { History } from './history.js';
import { Rig } from './rig.js';
import { Session, WORKLOADS } from './workloads.js';

// Known mistakes, made on purpose: the harness of crash.test.ts must notice each of them.

interface Mistake {
  readonly what: string;
  readonly workload: string;
  readonly plant: () => void;
  readonly fault?: (operation: Operation) => Verdict;
}

const MISTAKES: readonly Mistake[] = [
  {
    what: 'calls back though nothing was synced',
    workload: 'append',
    plant: () => {},
    fault: ({ kind, path }) =>
      kind === 'datasync' && path.endsWith('.wal') ? { fault: 'lie' } : 'ok',
  },
  {
    what: 'never syncs a directory',
    workload: 'rotate',
    plant: () => {},
    fault: ({ kind }) => (kind === 'syncDir' ? { fault: 'lie' } : 'ok'),
  },
  {
    what: 'lets a rewrite cut what follows it',
    workload: 'collect and rewrite',
    plant: () => {
      jest.spyOn(LogState.prototype, 'rewrite').mockImplementation(function (
        this: LogState,
        ...op
      ) {
        this.append(...op);
        return true;
      });
    },
  },
  {
    what: 'takes a segment for dead while a commit hint stands in it alone',
    workload: 'collect and rewrite',
    plant: () => {
      jest.spyOn(LogState.prototype, 'hintStandsIn').mockImplementation(() => {});
    },
  },
  {
    what: 'takes a segment for dead while a prefix stands in it alone',
    workload: 'collect and rewrite',
    plant: () => {
      jest.spyOn(LogState.prototype, 'prefixStandsIn').mockImplementation(() => {});
    },
  },
  {
    what: 'takes every segment but the newest for dead',
    workload: 'collect and rewrite',
    plant: () => {
      jest.spyOn(SegmentLedger.prototype, 'isDead').mockReturnValue(true);
    },
  },
  {
    what: 'does not write the truncation that it makes',
    workload: 'truncate',
    plant: () => {
      jest
        .spyOn(FrameWriter.prototype, 'truncateSuffix')
        .mockImplementation((log: LogState, index: number) => log.cutFrom(index));
    },
  },
  {
    what: 'gives waiters the frame before theirs',
    workload: 'append',
    plant: () => {
      const { get } = Object.getOwnPropertyDescriptor(StreamCursor.prototype, 'ordinal') ?? {};
      jest.spyOn(StreamCursor.prototype, 'ordinal', 'get').mockImplementation(function (
        this: StreamCursor,
      ) {
        return (get?.call(this) as number) - 1;
      });
    },
  },
];

describe('the harness notices a WAL that', () => {
  afterEach(() => {
    jest.restoreAllMocks();
  });

  it.each(MISTAKES.map((mistake) => [mistake.what, mistake] as const))('%s', async (_, mistake) => {
    const workload = WORKLOADS.find(({ name }) => name === mistake.workload)!;
    mistake.plant();
    await expect(
      (async () => {
        const rig = new Rig(workload.options, 1);
        const history = new History(1);
        const states = await collectStates(
          rig,
          history,
          () => CRASHES,
          () => workload.run(new Session(rig, history, 1)),
          mistake.fault,
        );
        for (const state of states) await checkRecovery(state, history);
      })(),
    ).rejects.toThrow();
  });
});
