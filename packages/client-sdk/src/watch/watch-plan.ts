import {
  clipped,
  decodeWatchToken,
  prefixEnd,
  WATCH_CREDIT_BYTES,
  type WatchPlan,
} from '@dougdb/facade';
import { DougError } from '@dougdb/rpc-proto';
import { encodeKey } from '../codec.js';
import { checkOptions } from '../options.js';
import type { WatchOptions } from './watch-events.js';

/** What options mean. @throws DougError INVALID_ARGUMENT; CLUSTER_MISMATCH */
export function planWatch(options: WatchOptions, clusterId: Uint8Array): WatchPlan {
  checkOptions(options);
  const { from, fromRevision = 0 } = options;
  if (from !== undefined && fromRevision !== 0) {
    throw invalid('a watch goes on from a token or from a revision, not both');
  }
  if (!(Number.isSafeInteger(fromRevision) && fromRevision >= 0)) {
    throw invalid(`fromRevision must be an integer of at least 1, not ${String(fromRevision)}`);
  }
  const noPuts = !flag('puts', options.puts, true);
  const noDeletes = !flag('deletes', options.deletes, true);
  if (noPuts && noDeletes) throw invalid('a watch without puts and without deletes tells nothing');
  const token = from === undefined ? null : decodeWatchToken(tokenBytes(from), clusterId).pieces;
  const { start, end } = rangeOf(options) ?? {
    start: token?.[0]?.start ?? nothing,
    end: token?.at(-1)?.end ?? nothing,
  };
  return {
    start,
    end,
    from: token === null ? null : clipped(token, start, end),
    fromRevision,
    previous: flag('previous', options.previous, false),
    noPuts,
    noDeletes,
    creditBytes: WATCH_CREDIT_BYTES,
  };
}

/** The text of a token. */
export function tokenText(token: Uint8Array): string {
  return Buffer.from(token.buffer, token.byteOffset, token.byteLength).toString('base64url');
}

/** Something that is neither true nor false would mean one thing to the reader and another to the wire. */
export function flag(name: string, value: boolean | undefined, byDefault: boolean): boolean {
  if (value === undefined) return byDefault;
  if (typeof value === 'boolean') return value;
  throw invalid(`${name} must be true or false, not ${String(value)}`);
}

/** Null: none was given. */
function rangeOf(options: WatchOptions): { start: Uint8Array; end: Uint8Array } | null {
  const { key, prefix, start, end } = options;
  const isBounded = start !== undefined || end !== undefined;
  if ([key !== undefined, prefix !== undefined, isBounded].filter(Boolean).length > 1) {
    throw invalid('a watch takes a key, or a prefix, or start and end');
  }
  if (key !== undefined) {
    const bytes = encodeKey(key);
    if (bytes.length === 0) throw invalid('the key is empty');
    return { start: bytes, end: Uint8Array.of(...bytes, 0) };
  }
  if (prefix !== undefined) {
    const bytes = encodeKey(prefix);
    return { start: bytes, end: prefixEnd(bytes) };
  }
  if (!isBounded) return null;
  const range = { start: encodeKey(start ?? ''), end: encodeKey(end ?? '') };
  const isEmpty = range.end.length > 0 && Buffer.compare(range.start, range.end) >= 0;
  if (isEmpty) throw invalid('there is no key in the range of the watch');
  return range;
}

function tokenBytes(token: string | Uint8Array): Uint8Array {
  if (typeof token !== 'string') return encodeKey(token);
  if (/^[A-Za-z0-9_-]+$/.test(token)) return new Uint8Array(Buffer.from(token, 'base64url'));
  throw invalid('the token of the watch is none');
}

function invalid(message: string): DougError {
  return new DougError('INVALID_ARGUMENT', message);
}

const nothing = new Uint8Array(0);
