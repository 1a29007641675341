import { type LogId, type WalEntry, WalError, WalErrorCode, type WalOptions } from './contract.js';
import { MAX_PAYLOAD_BYTES } from './format.js';
import type { LogState } from './log/log-state.js';

const MIN_SEGMENT_BYTES = 4096;
/** Offsets in a segment are 32 bits in memory; a large entry may make a segment longer than asked. */
const MAX_SEGMENT_BYTES = 1024 * 1024 * 1024;
const MAX_U32 = 0xffff_ffff;

/** Options with their defaults. */
export type ResolvedOptions = Required<Omit<WalOptions, 'logger' | 'metrics' | 'onPinned'>>;

const DEFAULT_QUEUED_BYTES = 1024 * 1024 * 1024;
const DEFAULT_COLLECT_SEGMENTS = 8;

/** @throws WalError WAL_USAGE for values out of range */
export function resolveOptions(options: WalOptions): ResolvedOptions {
  const segmentBytes = options.segmentBytes ?? 64 * 1024 * 1024;
  const askedFrameBytes = options.maxFrameBytes ?? 1024 * 1024;
  const cacheBytes = options.cacheBytes ?? 16 * 1024 * 1024;
  const maxQueuedBytes = options.maxQueuedBytes ?? DEFAULT_QUEUED_BYTES;
  const collectAboveBytes = options.collectAboveBytes ?? DEFAULT_COLLECT_SEGMENTS * segmentBytes;
  checkRange('segmentBytes', segmentBytes, MIN_SEGMENT_BYTES, MAX_SEGMENT_BYTES);
  checkRange('maxFrameBytes', askedFrameBytes, 256, MAX_PAYLOAD_BYTES);
  checkRange('cacheBytes', cacheBytes, 0, Number.MAX_SAFE_INTEGER);
  checkRange('maxQueuedBytes', maxQueuedBytes, 0, Number.MAX_SAFE_INTEGER);
  checkRange('collectAboveBytes', collectAboveBytes, 0, Number.MAX_SAFE_INTEGER);
  if (segmentBytes % 8 !== 0) throw usage(`segmentBytes ${segmentBytes} is not a multiple of 8`);
  // A frame that fills a segment would end every segment early, and want every one made larger.
  const maxFrameBytes = Math.min(askedFrameBytes, segmentBytes / 4);
  const { fs, clock, random, dir, quarantineDir } = options;
  const mode = options.mode ?? 'strict';
  const lock = options.lock ?? 'host';
  return {
    fs,
    clock,
    random,
    dir,
    quarantineDir,
    segmentBytes,
    maxFrameBytes,
    cacheBytes,
    maxQueuedBytes,
    collectAboveBytes,
    mode,
    lock,
  };
}

export function checkLogId(id: LogId): LogId {
  checkRange('log id', id, 1, Number.MAX_SAFE_INTEGER);
  return id;
}

export function checkIndex(what: string, index: number): void {
  checkRange(what, index, 0, Number.MAX_SAFE_INTEGER);
}

/** Entries must be contiguous and begin inside the log or directly behind it. */
export function checkEntries(log: LogState, entries: readonly WalEntry[]): void {
  const first = entries[0];
  if (first === undefined) return;
  checkIndex('index', first.index);
  if (first.index < log.firstIndex || first.index > log.lastIndex + 1) {
    throw usage(
      `log ${log.id} is [${log.firstIndex}, ${log.lastIndex}]: an append at ${first.index} leaves a gap or reaches below it`,
    );
  }
  let index = first.index;
  for (const entry of entries) {
    if (entry.index !== index) throw usage(`entry ${entry.index} where ${index} should be`);
    index++;
    checkEntry(entry);
  }
}

/** Ranges of all that an entry has but its index. */
export function checkEntry(entry: WalEntry): void {
  checkRange('term', entry.term, 0, Number.MAX_SAFE_INTEGER);
  checkRange('type', entry.type, 0, 255);
  checkRange('checksum', entry.checksum, 0, MAX_U32);
  checkRange('entry size', entry.data.length, 0, MAX_PAYLOAD_BYTES);
}

export function usage(message: string): WalError {
  return new WalError(WalErrorCode.Usage, message);
}

function checkRange(what: string, value: number, least: number, most: number): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return;
  throw usage(`${what} ${value} is not an integer of [${least}, ${most}]`);
}
