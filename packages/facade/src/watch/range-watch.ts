import { DougError } from '@dougdb/rpc-proto';
import { WatchBatch } from './watch-batch.js';
import { replaced } from './watch-pieces.js';
import type { WatchNews, WatchPlan, WatchPorts } from './watch-plan.js';
import type { WatchPiece } from './watch-position.js';
import { WatchStrand } from './watch-strand.js';
import { encodeWatchToken } from './watch-token.js';

/** Marks of the whole range come no more often than this; those of nodes come every 5 s at least. */
const MARK_MS = 2_500;

/**
 * Every change of the keys of a range, in batches: by (revision, key) within a partition, in no order
 * between partitions, none left out and none twice. What happens to nodes, leaders, facades and
 * partitions meanwhile only delays it. What is not taken is bounded by the credit of the plan for each
 * partition: then nodes hold back, and may end their watch and be asked again later.
 */
export class RangeWatch {
  /** Resolves when the watch stands everywhere: what is written from then on will be told. */
  readonly created: Promise<void>;
  readonly #ports: WatchPorts;
  readonly #stop: AbortSignal;
  readonly #strands = new Set<WatchStrand>();
  /** Strands that no server has taken on yet. */
  readonly #awaited = new Set<WatchStrand>();
  /** Whether it is known where every strand begins. */
  #isBegun: boolean;
  /** What the consumer has taken, of all strands that have begun. */
  #told: readonly WatchPiece[];
  readonly #queue: WatchNews[] = [];
  /** The mark of a strand behind which nothing of it stands in the queue. */
  readonly #lastMarks = new Map<WatchStrand, WatchNews>();
  #inHand: WatchNews | null = null;
  /** What was told before that. */
  #before: readonly WatchPiece[] = [];
  /** Strands of which something was taken since the last mark of the whole. */
  readonly #spoke = new Set<WatchStrand>();
  #markedMs: number;
  #failure: DougError | null = null;
  #wake: () => void = () => undefined;
  #settle: (error: DougError | null) => void = () => undefined;
  readonly #onAbort = (): void => this.#aborted();

  /** Begins at once. @param stop - ends it at any moment: `next` then rejects with ABORTED */
  constructor(ports: WatchPorts, plan: WatchPlan, stop: AbortSignal) {
    this.#ports = ports;
    this.#stop = stop;
    this.#markedMs = ports.clock.monotonicMs();
    this.#told = plan.from ?? [];
    this.#isBegun = plan.from !== null;
    this.created = new Promise((resolve, reject) => {
      this.#settle = (error) => (error === null ? resolve() : reject(error));
    });
    // Who does not ask for it need not handle its failure: `next` tells it, too.
    this.created.catch(() => undefined);
    const { start, end, from } = plan;
    const whole = new WatchStrand(start, end, from, plan, ports, {
      created: (strand) => this.#created(strand),
      told: (news) => this.#enqueue(news),
      due: (strand) => this.#open(strand),
      failed: (error) => this.#end(error),
    });
    this.#strands.add(whole);
    this.#awaited.add(whole);
    if (stop.aborted) {
      this.#aborted();
      return;
    }
    stop.addEventListener('abort', this.#onAbort);
    this.#open(whole);
  }

  /**
   * What the watch is resumed by after all that was taken, which the last batch is not yet; null: it has not begun
   * everywhere.
   */
  get token(): Uint8Array | null {
    if (!this.#isBegun) return null;
    const { clusterId } = this.#ports.router.finder;
    const pieces = this.#inHand === null ? this.#told : this.#before;
    return encodeWatchToken({ clusterId, pieces });
  }

  /** Batches that wait to be taken. */
  get queued(): number {
    return this.#queue.length;
  }

  /**
   * The next batch. The one before it counts as taken from then on, and makes room. One call at a time.
   * @throws DougError, NOT_APPLIED: the watch is over; `token` says where another one goes on. COMPACTED:
   * history does not reach back so far
   */
  async next(): Promise<WatchBatch> {
    this.#takeInHand();
    for (;;) {
      const batch = this.#isBegun ? this.#shift() : null;
      if (batch !== null) return batch;
      if (this.#failure !== null) throw this.#failure;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Ends it: nothing stays open, and what is queued is dropped. */
  close(): void {
    this.#queue.length = 0;
    this.#end(new DougError('CLOSED', 'the watch is closed', { outcome: 'NOT_APPLIED' }));
  }

  #aborted(): void {
    this.#queue.length = 0;
    this.#end(
      new DougError('ABORTED', 'aborted by the signal', {
        outcome: 'NOT_APPLIED',
        cause: this.#stop.reason,
      }),
    );
  }

  /** Opens a strand; where it must be cut, its parts. */
  #open(strand: WatchStrand): void {
    const due = [strand];
    for (let next = due.pop(); next !== undefined; next = due.pop()) {
      const at = next.open();
      if (at === null) continue;
      const parts = next.cut(at);
      this.#strands.delete(next);
      this.#spoke.delete(next);
      this.#lastMarks.delete(next);
      const isAwaited = this.#awaited.delete(next);
      for (const part of parts) {
        this.#strands.add(part);
        if (isAwaited) this.#awaited.add(part);
      }
      // The first of them first: it needs no further cut by partitions.
      due.push(parts[1], parts[0]);
    }
  }

  #created(strand: WatchStrand): void {
    // Only the first time: what one that was opened again has told since may still wait to be taken.
    if (!this.#awaited.delete(strand)) return;
    if (!this.#isBegun && strand.pieces !== null) this.#told = replaced(this.#told, strand.pieces);
    if (this.#awaited.size > 0) return;
    this.#isBegun = true;
    this.#settle(null);
    this.#wake();
  }

  #enqueue(news: WatchNews): void {
    const { strand, events, pieces } = news;
    const mark = this.#lastMarks.get(strand);
    if (events.length > 0) {
      this.#lastMarks.delete(strand);
      this.#queue.push(news);
    } else if (mark === undefined) {
      this.#lastMarks.set(strand, news);
      this.#queue.push(news);
    } else {
      // One mark says what many say: those that wait do not pile up.
      mark.pieces = pieces;
    }
    this.#wake();
  }

  #takeInHand(): void {
    const news = this.#inHand;
    this.#inHand = null;
    news?.strand.taken(news.costBytes);
  }

  #shift(): WatchBatch | null {
    const { clusterId } = this.#ports.router.finder;
    for (;;) {
      if (this.#isMarkDue()) {
        this.#spoke.clear();
        this.#markedMs = this.#ports.clock.monotonicMs();
        return new WatchBatch(clusterId, this.#told, null);
      }
      const news = this.#queue.shift();
      if (news === undefined) return null;
      const { strand, events, pieces } = news;
      if (this.#lastMarks.get(strand) === news) this.#lastMarks.delete(strand);
      if (this.#strands.has(strand)) this.#spoke.add(strand);
      const before = this.#told;
      this.#told = replaced(before, pieces);
      if (events.length === 0) continue;
      this.#inHand = news;
      this.#before = before;
      return new WatchBatch(clusterId, before, news);
    }
  }

  #isMarkDue(): boolean {
    if (this.#spoke.size < this.#strands.size || this.#strands.size === 0) return false;
    return this.#ports.clock.monotonicMs() - this.#markedMs >= MARK_MS;
  }

  /** What is queued is told before the error. */
  #end(error: DougError): void {
    this.#stop.removeEventListener('abort', this.#onAbort);
    for (const strand of this.#strands) strand.close();
    this.#strands.clear();
    this.#failure ??= asRead(error);
    this.#settle(this.#failure);
    this.#wake();
  }
}

function asRead(error: DougError): DougError {
  if (error.outcome === 'NOT_APPLIED') return error;
  return new DougError(error.reason, error.message, { outcome: 'NOT_APPLIED', cause: error });
}
