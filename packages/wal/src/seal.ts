import { FRAME_HEADER_BYTES, frameBytes } from './format.js';
import { IntegerCursor, MAX_UVARINT_BYTES, putU32, putUvarint } from './little-endian.js';

/**
 * What a seal says of its segment. In the frame's directory:
 *
 *     framesCrc    u32      CRC-32 over the headCrc fields (u32 each) of all frames before the seal, in order
 *     liveEntries  uvarint  entries of this segment that were in use when it was sealed
 *     liveBytes    uvarint  and the bytes of their data
 *     logCount     uvarint
 *     per log, ids ascending: logId, entries, minIndex, maxIndex, uvarint each
 */
export interface SealContent {
  readonly framesCrc: number;
  readonly liveEntries: number;
  readonly liveBytes: number;
  readonly logs: readonly LogSpan[];
}

/** Entries of one log in one segment, live or not. */
export interface LogSpan {
  readonly logId: number;
  readonly entries: number;
  readonly minIndex: number;
  readonly maxIndex: number;
}

const LOG_BYTES = 4 * MAX_UVARINT_BYTES;
const FIXED_BYTES = 4 + 3 * MAX_UVARINT_BYTES;

/** No seal over so many logs is longer: what a segment keeps free at its end. */
export function sealBytesAtMost(logCount: number): number {
  return frameBytes(FIXED_BYTES + logCount * LOG_BYTES, 0);
}

/** The directory of a seal. framesCrc stands at its start and may be set later by {@link setFramesCrc}. */
export function encodeSeal(content: SealContent): Uint8Array {
  const bytes = new Uint8Array(sealBytesAtMost(content.logs.length) - FRAME_HEADER_BYTES);
  putU32(bytes, 0, content.framesCrc);
  let end = putUvarint(bytes, 4, content.liveEntries);
  end = putUvarint(bytes, end, content.liveBytes);
  end = putUvarint(bytes, end, content.logs.length);
  for (const log of content.logs) {
    end = putUvarint(bytes, end, log.logId);
    end = putUvarint(bytes, end, log.entries);
    end = putUvarint(bytes, end, log.minIndex);
    end = putUvarint(bytes, end, log.maxIndex);
  }
  return bytes.subarray(0, end);
}

export function setFramesCrc(directory: Uint8Array, framesCrc: number): void {
  putU32(directory, 0, framesCrc);
}

/** Reads bytes[at, at + length); null where they make no sense. */
export function decodeSeal(bytes: Uint8Array, at: number, length: number): SealContent | null {
  const c = new IntegerCursor(bytes, at, at + length);
  const framesCrc = c.u32();
  const liveEntries = c.uvarint();
  const liveBytes = c.uvarint();
  const logCount = c.uvarint();
  const logs: LogSpan[] = [];
  for (let i = 0; i < logCount && c.ok; i++) {
    const logId = c.uvarint();
    const entries = c.uvarint();
    const minIndex = c.uvarint();
    logs.push({ logId, entries, minIndex, maxIndex: c.uvarint() });
  }
  return c.ok && c.at === c.end ? { framesCrc, liveEntries, liveBytes, logs } : null;
}

/** Gathers the spans of a segment while it is written or read. */
export class SpanTally {
  readonly #spans = new Map<number, { entries: number; minIndex: number; maxIndex: number }>();

  get logCount(): number {
    return this.#spans.size;
  }

  has(logId: number): boolean {
    return this.#spans.has(logId);
  }

  add(logId: number, index: number): void {
    const span = this.#spans.get(logId);
    if (span === undefined) {
      this.#spans.set(logId, { entries: 1, minIndex: index, maxIndex: index });
      return;
    }
    span.entries++;
    if (index < span.minIndex) span.minIndex = index;
    if (index > span.maxIndex) span.maxIndex = index;
  }

  clear(): void {
    this.#spans.clear();
  }

  spans(): LogSpan[] {
    return [...this.#spans]
      .map(([logId, span]) => ({ logId, ...span }))
      .sort((a, b) => a.logId - b.logId);
  }
}
