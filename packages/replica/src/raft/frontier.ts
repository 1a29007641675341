import type { Logger } from '@dougdb/ports';
import type { Db } from '@dougdb/sstable';
import { type Wal, WalErrorCode } from '@dougdb/wal';
import type { ReplicaSettings } from '../contract.js';
import { codeOf } from '../error-code.js';
import { encodeReplicaState } from '../format/replica-state-format.js';
import { broken } from '../replica-error.js';
import type { StateMachine } from '../state/state-machine.js';
import type { ReplicaTelemetry } from '../telemetry.js';

export interface FrontierOptions {
  readonly db: Db;
  readonly wal: Wal;
  readonly replicaId: number;
  readonly machine: StateMachine;
  readonly settings: ReplicaSettings;
  readonly logger: Logger;
  readonly telemetry: ReplicaTelemetry;
  /** Runs something that may find a broken invariant. */
  readonly guard: (run: () => void) => void;
  /** The database gave up flushing. */
  readonly onFlushFailed: (error: unknown) => void;
}

/** So many places of an earlier process are enough to compact by. */
const EARLIER_POINTS = 64;

/** A place in this log, and how much the WAL had written of all logs when it was frozen. */
interface LogPoint {
  readonly index: number;
  readonly term: number;
  readonly walBytes: number;
}

/**
 * Moves the durable frontier: freezes the memtable together with the ReplicaState (S5), and compacts
 * the log behind what is installed.
 *
 * A freeze is made when the memtable is full, or when enough log stands behind the last one, even with
 * an empty memtable: entries that change no user data must not pin the log for ever.
 *
 * The log is not compacted right up to the frontier: what was written within the last `retainLogBytes`
 * of the WAL stays. A member that was away can only catch up from the log of another one, because
 * snapshots do not travel yet; and any replica may be the leader by then, so each keeps as much.
 *
 * It is the WAL's bytes that count, those of all logs, not this log's: segments go oldest first, so the
 * few entries of a partition that fell idle would pin everything that busier ones wrote since. For the
 * same reason an idle partition is frozen, and compacted, once the WAL has moved on by that much. The
 * WAL thus holds about twice `retainLogBytes` at most, however often the process starts: it tells how much
 * an earlier one wrote behind an entry that is kept. Where it takes more all the same, because this log has
 * lagged behind, it says how much of it is in the way: that is not retained.
 */
export class Frontier {
  readonly #options: FrontierOptions;
  /** Places up to the frontier that are not compacted away, oldest first; the newest is the frontier. */
  #points: LogPoint[];
  #installed: LogPoint;
  #frozenAt: LogPoint;
  /** Bytes of entries applied since the last freeze. */
  #logBytes = 0;
  /** Up to here nothing is retained: the WAL has grown too large by it. */
  #unretained = 0;
  #isClosed = false;

  constructor(options: FrontierOptions) {
    this.#options = options;
    const { appliedIndex, appliedTerm } = options.machine.state;
    this.#installed = this.#earlierPoint(appliedIndex, appliedTerm);
    this.#frozenAt = this.#installed;
    this.#points = this.#earlierPoints();
    this.#points.push(this.#installed);
    // What was restored is what a durable record says.
    this.#moveFloor(options.machine.state.historyFloor);
  }

  /** Index up to which the effects of the log are durable in the database. */
  get index(): number {
    return this.#installed.index;
  }

  /** An entry was applied whole: the only moment at which a freeze may happen. */
  entryApplied(sizeBytes: number): void {
    this.#logBytes += sizeBytes;
    const { db, machine, settings } = this.#options;
    const isFar =
      this.#logBytes >= settings.freezeLogBytes ||
      machine.state.appliedIndex - this.#frozenAt.index >= settings.freezeLogEntries;
    if (isFar || db.wantsFreeze) this.freeze();
  }

  /**
   * Now and then: freezes and compacts a log that the rest of the WAL has left behind, and gives memory
   * back that other databases of the node need. No entry comes to an idle partition that could do it.
   */
  look(): void {
    const { machine, settings, db } = this.#options;
    const now = this.#point();
    const leftBehind = Math.max(settings.retainLogBytes, settings.freezeLogBytes);
    const isNew = now.index > this.#frozenAt.index && !machine.isInsideEntry;
    const isLeft = now.walBytes - this.#frozenAt.walBytes >= leftBehind;
    if (isNew && (isLeft || this.#isInTheWay || db.wantsFreeze)) this.freeze();
    this.#compact(now.walBytes);
  }

  /**
   * The WAL is larger than it should be, and this log's entries up to `throughIndex` keep its oldest segment:
   * they go as soon as the database holds their effects, however little was written since.
   */
  release(throughIndex: number): void {
    this.#unretained = Math.max(this.#unretained, throughIndex);
    this.look();
  }

  /** What is in the way is not even frozen, and no freeze is under way. */
  get #isInTheWay(): boolean {
    const { index } = this.#installed;
    return index < this.#unretained && index === this.#frozenAt.index;
  }

  /** Freezes now. */
  freeze(): void {
    const { db, machine, telemetry } = this.#options;
    const { state } = machine;
    // INVARIANT(frontier-atomic): the state record says exactly what the tables will hold: it is taken
    // between two entries, and nothing above its revision was written.
    if (machine.isInsideEntry || db.lastSequence > state.revision) {
      broken(
        'frontier-atomic',
        `freeze at entry ${state.appliedIndex}, revision ${state.revision}, with ${db.lastSequence} written`,
      );
    }
    const point = this.#point();
    const { historyFloor } = state;
    this.#logBytes = 0;
    db.freeze(encodeReplicaState(state));
    telemetry.freezes.add(1);
    this.#frozenAt = point;
    // Freezes install in order, so this answers for this point.
    db.flushed().then(
      () =>
        this.#options.guard(() => {
          this.#moveFloor(historyFloor);
          this.#moveTo(point);
        }),
      (error: unknown) => {
        if (!this.#isClosed) this.#options.onFlushFailed(error);
      },
    );
  }

  /** Nothing is compacted any more. */
  close(): void {
    this.#isClosed = true;
  }

  /**
   * INVARIANT(history-floor-durable): the database may drop what is below a floor only when a durable record has
   * that floor. If it might earlier, versions could be gone after a crash that a replica with the floor of before
   * would still try to show: the entry that moved it was committed, but this replica may not know so when it
   * begins to serve again. It follows the records only, so the floor that it drops by is never above the one that
   * is read by.
   */
  #moveFloor(floor: number): void {
    if (this.#isClosed) return;
    const { db, machine } = this.#options;
    if (floor > machine.state.historyFloor) {
      broken('history-floor-durable', `floor ${floor} above ${machine.state.historyFloor}`);
    }
    db.setHistoryFloor(floor);
  }

  #moveTo(point: LogPoint): void {
    if (this.#isClosed || point.index <= this.#installed.index) return;
    this.#installed = point;
    this.#points.push(point);
    this.#options.logger.debug('replica.frontier.moved', { index: point.index });
    this.#compact(this.#point().walBytes);
  }

  /** Compacts to the newest installed point that is old enough, or behind what is in the way. */
  #compact(walBytes: number): void {
    const points = this.#points;
    const oldest = walBytes - this.#options.settings.retainLogBytes;
    let count = 0;
    while (count < points.length && points[count]!.walBytes <= oldest) count++;
    while (count < points.length && (points[count - 1]?.index ?? -1) < this.#unretained) count++;
    const target = points[count - 1];
    if (target === undefined) return;
    this.#compactTo(target);
    points.splice(0, count - 1);
  }

  #compactTo(point: LogPoint): void {
    const { wal, replicaId } = this.#options;
    if (point.index < wal.log(replicaId).firstIndex()) return;
    // INVARIANT(log-behind-frontier): what the database does not hold durably stays in the log.
    if (point.index > this.#installed.index) {
      broken('log-behind-frontier', `compact to ${point.index}, frontier ${this.#installed.index}`);
    }
    try {
      wal.compactPrefix(replicaId, point.index, point.term);
    } catch (error) {
      if (codeOf(error) !== WalErrorCode.NoSpace) throw error;
      // The next freeze asks again; the log keeps more than it must meanwhile.
      this.#options.logger.warn('raft.log.no_space', { compactTo: point.index });
    }
  }

  /**
   * Places behind the frontier that an earlier process left in the log, oldest first. Without them a process
   * that never lives for `retainLogBytes` would never compact, and the WAL would grow with each start.
   */
  #earlierPoints(): LogPoint[] {
    const { wal, replicaId } = this.#options;
    const log = wal.log(replicaId);
    const first = log.firstIndex();
    const end = this.#installed.index;
    const step = Math.max(1, Math.ceil((end - first) / EARLIER_POINTS));
    const points: LogPoint[] = [];
    for (let index = first; index < end; index += step) {
      points.push(this.#earlierPoint(index, log.term(index)));
    }
    return points;
  }

  /** A place that an earlier process has written. Of what is compacted away, the next entry tells. */
  #earlierPoint(index: number, term: number): LogPoint {
    const { wal, replicaId } = this.#options;
    const log = wal.log(replicaId);
    const behind = log.bytesBehind(Math.max(index, log.firstIndex()));
    return { index, term, walBytes: wal.stats().bytes - behind };
  }

  /** Here and now. */
  #point(): LogPoint {
    const { machine, wal } = this.#options;
    const { appliedIndex: index, appliedTerm: term } = machine.state;
    return { index, term, walBytes: wal.stats().bytes };
  }
}
