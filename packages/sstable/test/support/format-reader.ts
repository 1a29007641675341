/**
 * A reader of our files that knows FORMAT.md (and for the record log the FORMAT.md of @dougdb/wal) and
 * nothing else: it imports no code of ours. It is slow and short on purpose. What it cannot read, FORMAT.md
 * does not describe.
 */
import { inflateRawSync } from 'node:zlib';

export interface ReadEntry {
  readonly key: Uint8Array;
  readonly sequence: number;
  readonly kind: number;
  readonly value: Uint8Array;
}

export interface ReadTable {
  readonly tableId: Uint8Array;
  readonly entries: readonly ReadEntry[];
  readonly properties: ReadonlyMap<string, Uint8Array>;
  /** Asks the filter that is responsible for a key; true where there is none. */
  readonly mayHold: (key: Uint8Array) => boolean;
}

interface Handle {
  readonly offset: number;
  readonly size: number;
}

type Pair = readonly [key: Uint8Array, value: Uint8Array];

class Bytes {
  readonly #data: Uint8Array;
  at: number;

  constructor(data: Uint8Array, at = 0) {
    this.#data = data;
    this.at = at;
  }

  get done(): boolean {
    return this.at >= this.#data.length;
  }

  take(count: number): Uint8Array {
    if (this.at + count > this.#data.length) throw new RangeError('past the end');
    this.at += count;
    return this.#data.slice(this.at - count, this.at);
  }

  fixed(width: number): number {
    return this.take(width).reduceRight((sum, byte) => sum * 256 + byte, 0);
  }

  uvarint(): number {
    let value = 0;
    for (let unit = 1; ; unit *= 128) {
      const byte = this.fixed(1);
      value += (byte % 128) * unit;
      if (byte < 128) return value;
    }
  }

  handle(): Handle {
    return { offset: this.uvarint(), size: this.uvarint() };
  }
}

/** CRC-32, bit by bit. */
function crcOf(...parts: readonly Uint8Array[]): number {
  let crc = 0xffffffff;
  for (const part of parts) {
    for (const byte of part) {
      crc ^= byte;
      for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    }
  }
  return ~crc >>> 0;
}

function le(value: number, width: number): Uint8Array {
  return Uint8Array.from({ length: width }, (_, i) => Math.floor(value / 256 ** i) % 256);
}

function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

/** The entries of a block in LevelDB's format. */
function pairsOf(contents: Uint8Array): Pair[] {
  const restarts = new Bytes(contents, contents.length - 4).fixed(4);
  const body = new Bytes(contents.slice(0, contents.length - 4 - 4 * restarts));
  const pairs: Pair[] = [];
  let key = new Uint8Array(0);
  while (!body.done) {
    const [shared, unshared, valueLength] = [body.uvarint(), body.uvarint(), body.uvarint()];
    key = Uint8Array.from([...key.slice(0, shared), ...body.take(unshared)]);
    pairs.push([key, body.take(valueLength)]);
  }
  return pairs;
}

export function readTable(file: Uint8Array): ReadTable {
  const footer = file.slice(-64);
  const f = new Bytes(footer);
  const metaindex = { offset: f.fixed(8), size: f.fixed(4) };
  const index = { offset: f.fixed(8), size: f.fixed(4) };
  const tableId = f.take(16);
  const [checksumType, flags, zero] = [f.fixed(1), f.fixed(1), f.fixed(2)];
  const [seed, crc, version] = [f.fixed(4), f.fixed(4), f.fixed(4)];
  check(String.fromCharCode(...f.take(8)) === 'DOUGSST\n', 'magic');
  check(crcOf(footer.slice(0, 48), footer.slice(52)) === crc, 'checksum of the footer');
  check(version === 1 && checksumType === 1 && zero === 0 && flags <= 3, 'a newer format');

  const block = ({ offset, size }: Handle): Uint8Array => {
    const raw = file.slice(offset, offset + size + 5);
    const expected = new Bytes(raw, size + 1).fixed(4);
    check(crcOf(le(seed, 4), le(offset, 8), raw.slice(0, size + 1)) === expected, 'checksum');
    if (raw[size] === 0) return raw.slice(0, size);
    check(raw[size] === 2 && (flags & 2) !== 0, 'compression');
    const packed = new Bytes(raw.slice(0, size));
    const length = packed.uvarint();
    const contents = inflateRawSync(raw.slice(packed.at, size));
    check(contents.length === length, 'length of compressed contents');
    return Uint8Array.from(contents);
  };

  const named = new Map(
    pairsOf(block(metaindex)).map(([name, value]) => [String.fromCharCode(...name), value]),
  );
  const handleOf = (name: string): Handle | null => {
    const value = named.get(name);
    return value === undefined ? null : new Bytes(value).handle();
  };
  const top = pairsOf(block(index));
  const parts =
    (flags & 1) === 0
      ? [{ last: null, pairs: top, filter: handleOf('filter.bloom-lines') }]
      : top.map(([last, value]) => {
          const fields = new Bytes(value);
          const [leaf, filter, blocks] = [fields.handle(), fields.handle(), fields.uvarint()];
          const pairs = pairsOf(block(leaf));
          check(pairs.length === blocks, 'number of data blocks');
          return { last, pairs, filter };
        });
  const entries = parts.flatMap(({ pairs }) =>
    pairs.flatMap(([, handle]) => pairsOf(block(new Bytes(handle).handle())).map(entryOf)),
  );
  const properties = handleOf('properties');
  if (properties === null) throw new Error('no properties');
  return {
    tableId,
    entries,
    properties: new Map(
      pairsOf(block(properties)).map(([name, value]) => [String.fromCharCode(...name), value]),
    ),
    mayHold: (key) => {
      // The first part whose key is at or behind the newest version that the key could have.
      const part = parts.find(({ last }) => last === null || isAtOrBehind(last, key));
      if (part === undefined) return false;
      return part.filter === null || filterHolds(block(part.filter), key);
    },
  };
}

function entryOf([internal, value]: Pair): ReadEntry {
  const key = internal.slice(0, -8);
  const trailer = new Bytes(internal, key.length);
  const kind = trailer.fixed(1);
  return { key, sequence: trailer.fixed(7), kind, value };
}

/** Whether an internal key is at or behind (key, highest sequence). */
function isAtOrBehind(internal: Uint8Array, key: Uint8Array): boolean {
  return Buffer.compare(internal.slice(0, -8), key) >= 0;
}

function filterHolds(contents: Uint8Array, key: Uint8Array): boolean {
  const tail = new Bytes(contents, contents.length - 8);
  const [lines, probes, hash] = [tail.fixed(4), tail.fixed(1), tail.fixed(1)];
  check(hash === 1 && contents.length === lines * 64 + 8, 'filter');
  const h = murmur3(key);
  const line = Math.floor((h * lines) / 2 ** 32) * 64;
  let p = Math.imul(h, 0x9e3779b9) >>> 0;
  for (let i = 0; i < probes; i++) {
    const bit = p >>> 23;
    if (((contents[line + (bit >> 3)] ?? 0) & (1 << (bit & 7))) === 0) return false;
    p = Math.imul(p, 0x9e3779b9) >>> 0;
  }
  return true;
}

/** MurmurHash3 x86 32, seed 0. */
function murmur3(key: Uint8Array): number {
  const rotated = (x: number, by: number): number => (x << by) | (x >>> (32 - by));
  const scrambled = (k: number): number =>
    Math.imul(rotated(Math.imul(k, 0xcc9e2d51), 15), 0x1b873593);
  let h = 0;
  const whole = key.length - (key.length % 4);
  for (let at = 0; at < whole; at += 4) {
    h = rotated(h ^ scrambled(new Bytes(key, at).fixed(4) | 0), 13);
    h = (Math.imul(h, 5) + 0xe6546b64) | 0;
  }
  if (whole < key.length) h ^= scrambled(new Bytes(key, whole).fixed(key.length - whole));
  h ^= key.length;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

export interface ReadFile {
  readonly level: number;
  readonly number: number;
  readonly sizeBytes: number;
  readonly smallest: Uint8Array;
  readonly largest: Uint8Array;
  readonly smallestSequence: number;
  readonly largestSequence: number;
  readonly tableId: Uint8Array;
  readonly fileCrc: number;
  readonly entries: number;
  readonly deletions: number;
}

export interface ReadManifest {
  readonly identity: Uint8Array;
  readonly number: number;
  readonly files: ReadonlyMap<number, ReadFile>;
  readonly lastSequence: number;
  readonly nextFileNumber: number;
  readonly hostState: Uint8Array | null;
}

/** Reads a manifest that was closed in peace: what is torn or rotten is for others. */
export function readManifest(file: Uint8Array): ReadManifest {
  let identity: Uint8Array = new Uint8Array(0);
  let number = 0;
  let lastSequence = 0;
  let nextFileNumber = 0;
  let hostState: Uint8Array | null = null;
  const files = new Map<number, ReadFile>();
  for (const record of recordsOf(file, 'sstable-manifest')) {
    const edit = new Bytes(record);
    const added: ReadFile[] = [];
    while (!edit.done) {
      const tag = edit.fixed(1);
      const payload = edit.take(edit.uvarint());
      const field = new Bytes(payload);
      if (tag === 1) check(field.uvarint() === 1, 'format version');
      else if (tag === 2) check(String.fromCharCode(...payload) === 'bytewise', 'comparator');
      else if (tag === 3) identity = payload;
      else if (tag === 4) number = field.uvarint();
      else if (tag === 5) nextFileNumber = field.uvarint();
      else if (tag === 6) lastSequence = field.uvarint();
      else if (tag === 7) hostState = payload;
      else if (tag === 8) {
        const level = field.fixed(1);
        const gone = field.uvarint();
        check(files.get(gone)?.level === level, 'a deleted file that is not there');
        files.delete(gone);
      } else if (tag === 9) added.push(newFile(field));
      else check(tag >= 128, 'an unknown field');
    }
    for (const added1 of added) files.set(added1.number, added1);
  }
  return { identity, number, files, lastSequence, nextFileNumber, hostState };
}

function newFile(field: Bytes): ReadFile {
  return {
    level: field.fixed(1),
    number: field.uvarint(),
    sizeBytes: field.uvarint(),
    smallest: field.take(field.uvarint()),
    largest: field.take(field.uvarint()),
    smallestSequence: field.uvarint(),
    largestSequence: field.uvarint(),
    tableId: field.take(16),
    fileCrc: field.fixed(4),
    entries: field.uvarint(),
    deletions: field.uvarint(),
  };
}

/** The records of a record log that are not empty. */
function recordsOf(file: Uint8Array, identity: string): Uint8Array[] {
  const header = new Bytes(file);
  check(String.fromCharCode(...header.take(8)) === 'DOUGREC\0', 'magic of the record log');
  check(header.fixed(4) === 1, 'version of the record log');
  const length = new Bytes(file, 16).fixed(4);
  const id = file.slice(64, 64 + length);
  check(String.fromCharCode(...id) === identity, 'identity of the record log');
  check(new Bytes(file, 60).fixed(4) === crcOf(file.slice(0, 60), id), 'header of the record log');
  const records: Uint8Array[] = [];
  let at = 64 + Math.ceil(length / 8) * 8;
  for (let seq = 1; at < file.length; seq++) {
    const head = new Bytes(file, at);
    check(String.fromCharCode(...head.take(4)) === 'DWFR', 'magic of a frame');
    const headCrc = head.fixed(4);
    check(head.fixed(8) === seq, 'sequence of a frame');
    head.take(8);
    const [directoryLength, payloadLength, payloadCrc] = [
      head.fixed(4),
      head.fixed(4),
      head.fixed(4),
    ];
    check(head.fixed(1) === 4 && directoryLength === 0, 'kind of a frame');
    const place = [id, le(0, 8), le(at, 8)];
    check(crcOf(...place, file.slice(at + 8, at + 48)) === headCrc, 'head of a frame');
    const payload = file.slice(at + 48, at + 48 + payloadLength);
    check(crcOf(payload) === payloadCrc, 'payload of a frame');
    if (payload.length > 0) records.push(payload);
    at += 48 + Math.ceil(payloadLength / 8) * 8;
  }
  return records;
}
