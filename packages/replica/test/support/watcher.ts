import type { WatchHandle, WatchOptions, WatchPosition, WatchSink } from '@dougdb/replica';
import {
  type DougError,
  type EncodedWatchEvents,
  encodeWatchEvents,
  type WatchEvent,
  WatchEventType,
  WatchResponse,
} from '@dougdb/rpc-proto';
import { bytesOf, textOf } from './commands.js';
import type { TestNode } from './test-node.js';

const NONE = new Uint8Array(0);

/** What a watcher was told of a key. */
export interface ToldChange {
  readonly revision: number;
  readonly key: string;
  /** Null: deleted. */
  readonly value: string | null;
  /** Value and revision of what was there before; null: nothing that is known. */
  readonly previous: readonly [string, number] | null;
  /** Log time at which the key goes; 0: never. */
  readonly expiresAt: number;
}

export interface WatcherOptions extends Partial<Omit<WatchOptions, 'start' | 'end'>> {
  readonly start?: string;
  readonly end?: string;
  readonly epoch?: number;
  readonly waitMs?: number;
}

/** One watch of a replica, and everything that it was told. */
export class Watcher implements WatchSink {
  readonly changes: ToldChange[] = [];
  /** Changes of each answer. */
  readonly batches: number[] = [];
  marks = 0;
  costBytes = 0;
  /** The connection takes nothing more. */
  isFull = false;
  openedAt: WatchPosition | null = null;
  position: WatchPosition | null = null;
  over: { readonly error: DougError; readonly position: WatchPosition | null } | null = null;
  handle: WatchHandle;

  constructor(node: TestNode, options: WatcherOptions = {}) {
    const { start = 'a', end = 'z', epoch = 0, waitMs = 5_000, ...more } = options;
    this.handle = node.replica.watch(
      {
        ...{ start: bytesOf(start), end: bytesOf(end), from: null, previous: false },
        ...{ noPuts: false, noDeletes: false, creditBytes: 0 },
        ...more,
      },
      epoch,
      node.clock.monotonicMs() + waitMs,
      this,
    );
  }

  /** 'a=1@3', or 'a@4' of a delete. */
  get briefly(): string[] {
    return this.changes.map(({ key, value, revision, previous }) => {
      const now = value === null ? `${key}@${revision}` : `${key}=${value}@${revision}`;
      return previous === null ? now : `${now} was ${previous[0]}@${previous[1]}`;
    });
  }

  opened(position: WatchPosition): void {
    if (this.openedAt !== null || this.changes.length > 0) throw new Error('opened twice');
    this.openedAt = position;
    this.position = position;
  }

  events(events: EncodedWatchEvents, position: WatchPosition): void {
    if (this.over !== null || this.openedAt === null) throw new Error('told out of place');
    if (this.isFull) throw new Error('told although it is full');
    const { events: told, costBytes } = WatchResponse.decode(
      encodeWatchEvents(1, NONE, events, NONE),
    );
    for (const event of told) this.changes.push(changeOf(event));
    this.batches.push(told.length);
    this.costBytes += costBytes;
    this.position = position;
  }

  mark(position: WatchPosition): void {
    if (this.over !== null || this.openedAt === null) throw new Error('told out of place');
    this.marks++;
    this.position = position;
  }

  ended(error: DougError, position: WatchPosition | null): void {
    if (this.over !== null) throw new Error('ended twice');
    this.over = { error, position };
  }
}

function changeOf({ type, kv, previous }: WatchEvent): ToldChange {
  if (kv === undefined) throw new Error('an event without a key');
  const isDelete = type === WatchEventType.WATCH_EVENT_TYPE_DELETE;
  return {
    revision: kv.revision,
    key: textOf(kv.key),
    value: isDelete ? null : textOf(kv.value),
    expiresAt: kv.expiresAt,
    previous: previous === undefined ? null : [textOf(previous.value), previous.revision],
  };
}

/** Everything up to a revision was told, and of the next one the keys up to `lastKey`. */
export function positionOf(revision: number, lastKey = ''): WatchPosition {
  return { revision, lastKey: bytesOf(lastKey) };
}
