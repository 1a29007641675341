import { crc32 } from 'node:zlib';

// A reader written from FORMAT.md alone. It shares no line with src/: if it and the WAL agree, the document
// says what there is to know. Written for clarity, so it holds each file in memory.

export interface ReadEntry {
  readonly term: number;
  readonly type: number;
  /** Null: its bytes are damaged. */
  readonly data: Uint8Array | null;
}

export interface ReadLog {
  prefixIndex: number;
  prefixTerm: number;
  hint: number;
  readonly entries: Map<number, ReadEntry>;
}

export interface ReadWal {
  readonly logs: Map<number, ReadLog>;
  readonly isTorn: boolean;
  /** What is damaged, in words; empty: nothing. */
  readonly damage: string[];
}

interface Frame {
  readonly bytes: Uint8Array;
  readonly headCrc: number;
  readonly seq: number;
  readonly syncedSeq: number;
  readonly kind: number;
  readonly count: number;
  readonly oldestSegment: number;
  readonly directory: Uint8Array;
  readonly payload: Uint8Array;
  readonly isPayloadWhole: boolean;
}

interface Header {
  readonly walId: Uint8Array;
  readonly firstSeq: number;
  readonly previousSealCrc: number;
}

/** "Reading" of FORMAT.md, over the files of a directory. */
export function readWal(files: ReadonlyMap<string, Uint8Array>): ReadWal {
  const segments = [...files]
    .map(([name, bytes]) => ({ number: /^([0-9a-f]{16})\.wal$/.exec(name)?.[1], bytes }))
    .filter(({ number }) => number !== undefined)
    .map(({ number, bytes }) => ({ segment: Number.parseInt(number ?? '', 16), bytes }))
    .sort((a, b) => a.segment - b.segment)
    .map((file) => ({ ...file, header: readHeader(file.bytes, file.segment) }))
    .filter(
      ({ header, bytes }) => header !== null || bytes.subarray(64).some((byte) => byte !== 0),
    );
  const logs = new Map<number, ReadLog>();
  const damage: string[] = [];
  let isTorn = false;
  let expected = segments[0]?.header?.firstSeq ?? 1;
  let sealCrc: number | null = null;
  let oldestNeeded = 1;
  for (const [i, { segment, bytes, header }] of segments.entries()) {
    if (header === null) return { logs, isTorn, damage: [...damage, `header of ${segment}`] };
    const isLast = i === segments.length - 1;
    if (header.firstSeq !== expected) damage.push(`seq ${expected} before segment ${segment}`);
    if (i > 0 && header.previousSealCrc !== sealCrc) damage.push(`chain before ${segment}`);
    sealCrc = null;
    const promised = isLast ? highestPromise(bytes, header.walId, segment) : Infinity;
    for (let at = 64; sealCrc === null; ) {
      const frame = frameAt(bytes, at, header.walId, segment);
      if (frame === null || frame.seq !== expected || !frame.isPayloadWhole) {
        if (expected > promised) {
          isTorn ||= bytes.subarray(at).some((byte) => byte !== 0);
          break;
        }
        damage.push(`frame ${expected}`);
        if (frame === null || frame.seq !== expected) return { logs, isTorn, damage };
      }
      expected++;
      at += frame.bytes.length;
      oldestNeeded = Math.max(oldestNeeded, frame.oldestSegment);
      if (frame.kind === 1) applyOperations(frame, logs);
      else if (frame.kind === 3) sealCrc = frame.headCrc;
      else if (frame.kind !== 2 && frame.kind < 128) throw new Error(`newer: kind ${frame.kind}`);
    }
    if (!isLast && sealCrc === null) damage.push(`seal of ${segment}`);
  }
  const first = segments[0]?.segment ?? 1;
  if (first > 1 && first > oldestNeeded) damage.push(`segments before ${first}`);
  return { logs, isTorn, damage };
}

function readHeader(bytes: Uint8Array, segment: number): Header | null {
  const view = viewOf(bytes);
  if (Buffer.from(bytes.subarray(0, 8)).toString('latin1') !== 'DOUGWAL\0') return null;
  if (view.getUint32(60, true) !== crc32(bytes.subarray(0, 60))) return null;
  if (view.getUint32(8, true) !== 1 || bytes[12] !== 1 || bytes[13] !== 0) throw new Error('newer');
  if (u64(view, 16) !== segment) throw new Error(`segment ${segment} has another's header`);
  return {
    walId: bytes.slice(24, 40),
    firstSeq: u64(view, 40),
    previousSealCrc: view.getUint32(48, true),
  };
}

function frameAt(bytes: Uint8Array, at: number, walId: Uint8Array, segment: number): Frame | null {
  const view = viewOf(bytes);
  if (at + 48 > bytes.length || Buffer.from(bytes.subarray(at, at + 4)).toString() !== 'DWFR') {
    return null;
  }
  const directoryLength = view.getUint32(at + 24, true);
  const payloadLength = view.getUint32(at + 28, true);
  const payloadStart = at + 48 + directoryLength;
  const end = payloadStart + payloadLength;
  const length = Math.ceil((end - at) / 8) * 8;
  if (directoryLength > 2 ** 24 || payloadLength > 2 ** 26 || at + length > bytes.length)
    return null;
  const place = Buffer.alloc(16);
  place.writeBigUInt64LE(BigInt(segment), 0);
  place.writeBigUInt64LE(BigInt(at), 8);
  const seed = crc32(place, crc32(walId));
  const headCrc = view.getUint32(at + 4, true);
  if (crc32(bytes.subarray(at + 8, payloadStart), seed) !== headCrc) return null;
  if (bytes[at + 37] !== 0) throw new Error('newer: flags');
  const payload = bytes.subarray(payloadStart, end);
  return {
    bytes: bytes.subarray(at, at + length),
    headCrc,
    seq: u64(view, at + 8),
    syncedSeq: u64(view, at + 16),
    kind: bytes[at + 36] ?? 0,
    count: view.getUint16(at + 38, true),
    oldestSegment: u64(view, at + 40),
    directory: bytes.subarray(at + 48, payloadStart),
    payload,
    isPayloadWhole: crc32(payload) === view.getUint32(at + 32, true),
  };
}

/** Every frame that can be made out in the last segment, up to its seal, may tell a promise. */
function highestPromise(bytes: Uint8Array, walId: Uint8Array, segment: number): number {
  let highest = 0;
  for (let at = 64; at + 48 <= bytes.length; ) {
    const frame = frameAt(bytes, at, walId, segment);
    if (frame === null) {
      at += 8;
      continue;
    }
    highest = Math.max(highest, frame.syncedSeq);
    if (frame.kind === 3) break;
    at += frame.bytes.length;
  }
  return highest;
}

function applyOperations(frame: Frame, logs: Map<number, ReadLog>): void {
  const { directory, payload } = frame;
  let at = 0;
  let data = 0;
  const uvarint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = directory[at++] ?? 0;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  for (let i = 0; i < frame.count; i++) {
    const id = uvarint();
    const op = directory[at++];
    const log = logs.get(id) ?? { prefixIndex: 0, prefixTerm: 0, hint: 0, entries: new Map() };
    logs.set(id, log);
    if (op === 1 || op === 5) {
      const [index, term] = [uvarint(), uvarint()];
      const type = directory[at++] ?? 0;
      const bytes = payload.subarray(data, data + uvarint());
      const isWhole = crc32(bytes) === viewOf(directory).getUint32(at, true);
      at += 4;
      data += bytes.length;
      put(log, op === 1, index, { term, type, data: isWhole ? bytes.slice() : null });
    } else if (op === 2) {
      cutFrom(log, uvarint());
    } else if (op === 3) {
      const [index, term] = [uvarint(), uvarint()];
      if (index > log.prefixIndex) {
        for (const known of log.entries.keys()) if (known <= index) log.entries.delete(known);
        log.prefixIndex = index;
        log.prefixTerm = term;
      }
    } else if (op === 4) {
      log.hint = Math.max(log.hint, uvarint());
    } else if (op === 6) {
      logs.delete(id);
    } else throw new Error(`operation ${op}`);
  }
  if (at !== directory.length || data !== payload.length) throw new Error('bytes are left');
}

function put(log: ReadLog, isAppend: boolean, index: number, entry: ReadEntry): void {
  if (index <= log.prefixIndex) return;
  if (isAppend) cutFrom(log, index);
  else if (log.entries.has(index) && log.entries.get(index)?.term !== entry.term) return;
  log.entries.set(index, entry);
}

function cutFrom(log: ReadLog, index: number): void {
  for (const known of log.entries.keys()) if (known >= index) log.entries.delete(known);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function u64(view: DataView, at: number): number {
  return Number(view.getBigUint64(at, true));
}
