import type { ResponseHeader, WatchEvent } from '@dougdb/rpc-proto';
import { advanced, piecesFor, replaced } from './watch-pieces.js';
import type { WatchNews } from './watch-plan.js';
import { positionBehind, type WatchPiece } from './watch-position.js';
import { encodeWatchToken } from './watch-token.js';

/** Some events of one partition, or none: then everything up to the token was told, of all partitions. */
export class WatchBatch {
  readonly header: ResponseHeader | undefined;
  /** By revision, then by key. They belong to whoever takes the batch. */
  readonly events: readonly WatchEvent[];
  /** What they cost of the credit where they came from. */
  readonly costBytes: number;
  readonly #clusterId: Uint8Array;
  /** What was told of the whole range before. */
  readonly #before: readonly WatchPiece[];
  /** What is told of the part that the events come from with the last of them. */
  readonly #part: readonly WatchPiece[];

  /** @param news - null: a mark */
  constructor(clusterId: Uint8Array, before: readonly WatchPiece[], news: WatchNews | null) {
    this.#clusterId = clusterId;
    this.#before = before;
    this.#part = news?.pieces ?? [];
    this.header = news?.header;
    this.events = news?.events ?? [];
    this.costBytes = news?.costBytes ?? 0;
  }

  /** What the watch is resumed by when all of the batch was taken. */
  get token(): Uint8Array {
    return this.#encode(this.#after);
  }

  /** What the watch is resumed by when the events up to this one were taken. @param index - -1: when none was */
  tokenAt(index: number): Uint8Array {
    if (index < 0) return this.#encode(this.#before);
    const event = this.events[index];
    if (event?.kv === undefined || index === this.events.length - 1) return this.token;
    const behind = positionBehind(event.kv.revision, event.kv.key);
    const partitionId = this.header?.partitionId;
    // What the news say of other partitions was told before them.
    const part = this.#part.flatMap((piece) =>
      piece.partitionId === partitionId
        ? advanced(piecesFor(this.#before, piece), behind)
        : [piece],
    );
    return this.#encode(replaced(this.#before, part));
  }

  get #after(): readonly WatchPiece[] {
    return this.#part.length === 0 ? this.#before : replaced(this.#before, this.#part);
  }

  #encode(pieces: readonly WatchPiece[]): Uint8Array {
    return encodeWatchToken({ clusterId: this.#clusterId, pieces });
  }
}
