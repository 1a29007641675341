import {
  decodeWatchToken,
  encodeWatchToken,
  isBelowEnd,
  piecesFor,
  positionAt,
  WatchCursor,
  type WatchedRange,
} from '@dougdb/facade';
import type { Replica, WatchHandle, WatchPosition, WatchSink } from '@dougdb/replica';
import {
  DougError,
  type EncodedWatchEvents,
  encodeWatchEvents,
  limits,
  ResponseHeader,
  toWire,
  type WatchCreate,
  WatchResponse,
} from '@dougdb/rpc-proto';
import type { ClusterView } from '../handlers/cluster-view.js';
import type { WatchHeaders } from './watch-headers.js';

/** Where one watch is told of. */
export interface WatchAnswers {
  /** What was sent waits for a slow reader. */
  readonly isFull: boolean;
  /** One encoded WatchResponse. */
  send(response: Uint8Array): void;
  /** The watch is over: it was said. */
  over(watchId: number): void;
}

export interface ServedWatchOptions {
  readonly view: ClusterView;
  readonly headers: WatchHeaders;
  readonly answers: WatchAnswers;
  /** Monotonic milliseconds at which it gives up to wait for where it begins. */
  readonly deadlineMs: number;
}

/** One watch of a client: a watch of one replica, with positions as tokens and changes as messages. */
export class ServedWatch implements WatchSink {
  readonly #watchId: number;
  readonly #options: ServedWatchOptions;
  readonly #replica: Replica;
  readonly #range: WatchedRange;
  /** Null: it has not begun, and goes on from nothing. */
  #cursor: WatchCursor | null;
  readonly #handle: WatchHandle;

  /** Begins at once. @throws DougError: it is refused */
  constructor(create: WatchCreate, options: ServedWatchOptions) {
    const { view } = options;
    const { context, watchId, noPuts, noDeletes, previous, creditBytes } = create;
    if (context !== undefined) view.checkCluster(context.clusterId);
    // Copies: they live longer than the buffer of the request may.
    const start = create.start.slice();
    const end = create.end.slice();
    checkRequest(create);
    this.#watchId = watchId;
    this.#options = options;
    this.#replica = view.replicaFor(context, start);
    const { partitionId, epoch } = this.#replica.descriptor;
    this.#range = { partitionId, epochVersion: epoch?.version ?? 0, start, end };
    const cursor = this.#cursorOf(create.token);
    this.#cursor = cursor;
    const isDue =
      cursor !== null && cursor.pieces.length > 1
        ? { isDue: (revision: number, key: Uint8Array) => cursor.isDue(revision, key) }
        : {};
    const from =
      create.fromRevision > 0 ? positionAt(create.fromRevision - 1) : (cursor?.position ?? null);
    this.#handle = this.#replica.watch(
      { start, end, from, noPuts, noDeletes, previous, creditBytes, ...isDue },
      context?.epochVersion ?? 0,
      options.deadlineMs,
      this,
    );
  }

  get isFull(): boolean {
    return this.#options.answers.isFull;
  }

  /** The client has taken events of so many bytes. */
  give(bytes: number): void {
    this.#handle.give(bytes);
  }

  /** The connection has taken something. */
  resume(): void {
    this.#handle.resume();
  }

  /** Nothing is told any more. */
  cancel(): void {
    this.#handle.cancel();
  }

  opened(position: WatchPosition): void {
    this.#cursor ??= new WatchCursor([{ ...this.#range, ...position }]);
    this.#send({ created: true });
  }

  events(events: EncodedWatchEvents, position: WatchPosition): void {
    this.#cursor?.advance(position);
    const { view, headers, answers } = this.#options;
    const header = headers.of(view, this.#replica);
    answers.send(encodeWatchEvents(this.#watchId, header, events, this.#token));
  }

  mark(position: WatchPosition): void {
    this.#cursor?.advance(position);
    this.#send({});
  }

  ended(error: DougError, position: WatchPosition | null): void {
    if (position !== null) this.#cursor?.advance(position);
    this.#send({ error: toWire(this.#options.view.complete(error)) });
    this.#options.answers.over(this.#watchId);
  }

  /** Empty as long as it has not begun, and goes on from nothing. */
  get #token(): Uint8Array {
    if (this.#cursor === null) return NO_TOKEN;
    const { clusterId } = this.#options.view.self;
    return encodeWatchToken({ clusterId, pieces: this.#cursor.pieces });
  }

  #cursorOf(token: Uint8Array): WatchCursor | null {
    if (token.length === 0) return null;
    const { pieces } = decodeWatchToken(token, this.#options.view.self.clusterId);
    return new WatchCursor(piecesFor(pieces, this.#range));
  }

  #send(more: Partial<WatchResponse>): void {
    const { view, headers, answers } = this.#options;
    const response = WatchResponse.fromPartial({
      watchId: this.#watchId,
      header: ResponseHeader.decode(headers.of(view, this.#replica)),
      token: this.#token,
    });
    answers.send(WatchResponse.encode({ ...response, ...more }).finish());
  }
}

/** @throws DougError INVALID_ARGUMENT */
function checkRequest({ start, end, token, fromRevision }: WatchCreate): void {
  for (const { length } of [start, end]) {
    if (length > limits.keyBytes) throw invalid(`a bound of ${length} bytes is longer than a key`);
  }
  if (!isBelowEnd(start, end)) throw invalid('there is no key in the range of the watch');
  if (token.length > 0 && fromRevision > 0) {
    throw invalid('a watch goes on from a token or from a revision, not both');
  }
}

function invalid(message: string): DougError {
  return new DougError('INVALID_ARGUMENT', message);
}

const NO_TOKEN = new Uint8Array(0);
