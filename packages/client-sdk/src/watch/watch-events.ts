import type { Key } from '../codec.js';
import type { Previous } from '../writes.js';

/** What all events have. */
export interface WatchEventBase<K extends Key = string> {
  readonly key: K;
  /** The revision of the partition at which it happened. */
  readonly revision: number;
  /** What a later watch goes on behind this event by: see {@link WatchOptions.from}. Made when it is read. */
  readonly token: string;
}

/** A key was written. */
export interface WatchPut<V = string, K extends Key = string> extends WatchEventBase<K> {
  readonly type: 'put';
  readonly value: V;
  /** Only with `previous`: what was there before; null: nothing, or history does not reach back so far. */
  readonly previous?: Previous<V> | null;
}

/** A key was removed, or its time was over. */
export interface WatchDelete<V = string, K extends Key = string> extends WatchEventBase<K> {
  readonly type: 'delete';
  /** Only with `previous`: what was there before; null: history does not reach back so far. */
  readonly previous?: Previous<V> | null;
}

/** A change of one key. */
export type WatchEvent<V = string, K extends Key = string> = WatchPut<V, K> | WatchDelete<V, K>;

/** Everything up to the token was told; only with `progress`. */
export interface WatchProgress {
  readonly type: 'progress';
  readonly token: string;
}

/** What a watch takes. `key`, `prefix`, or any of `start` and `end`; nothing: everything. */
export interface WatchOptions {
  /** One key. */
  readonly key?: Key | undefined;
  /** Keys that begin with this. */
  readonly prefix?: Key | undefined;
  /** First key, inclusive. */
  readonly start?: Key | undefined;
  /** Last key, exclusive. */
  readonly end?: Key | undefined;
  /**
   * Goes on behind what was told by the watch that this token is of: an event's, or the watch's own. The range
   * may be a part of that watch's; if none is given it is the same one.
   */
  readonly from?: string | Uint8Array | undefined;
  /** The first revision to be told. Only where the range lies in one partition: revisions are the partition's. */
  readonly fromRevision?: number | undefined;
  /** Tell what was there before each change. */
  readonly previous?: boolean | undefined;
  /** False: puts are not told. */
  readonly puts?: boolean | undefined;
  /** False: deletes are not told. */
  readonly deletes?: boolean | undefined;
  /** Tell also, every few seconds, that everything up to a token was told: what to keep while nothing changes. */
  readonly progress?: boolean | undefined;
  /** Ends the watch. */
  readonly signal?: AbortSignal | undefined;
}

/** A watch that is under way. It began with the call; iterate to take what it tells. */
export interface Watch<E> extends AsyncIterableIterator<E>, AsyncDisposable {
  /**
   * Resolves when the watch stands: what is written from then on will be told. Rejects when it ends before.
   */
  readonly ready: Promise<void>;
  /** What a later watch goes on by, behind all that was taken from this one; undefined: it has not begun. */
  readonly token: string | undefined;
  /** Ends it: whoever waits for the next event learns that there is none. A second call does nothing. */
  close(): Promise<void>;
}
