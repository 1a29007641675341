import { crc32 } from '@dougdb/ports';
import fc from 'fast-check';
import {
  decodeFrameHead,
  decodeRecordHeader,
  decodeSegmentHeader,
  encodeFrameHead,
  encodeRecordHeader,
  encodeSegmentHeader,
  FRAME_HEADER_BYTES,
  FrameKind,
  frameBytes,
  HeadSeed,
  MAX_OPERATION_BYTES,
  Op,
  OpReader,
  putEntryOp,
  putFactOp,
} from './format.js';
import { putU32 } from './little-endian.js';
import { decodeSeal, encodeSeal, SpanTally, sealBytesAtMost, setFramesCrc } from './seal.js';

const WAL_ID = Uint8Array.from({ length: 16 }, (_, i) => i);
const HEADER = {
  segment: 0x1234,
  walId: WAL_ID,
  firstSeq: 77,
  previousSealCrc: 0xdeadbeef,
  capacityBytes: 0x4000000,
};

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  putU32(bytes, 0, value);
  return bytes;
}

/** A frame of three logs at offset 64 of segment 2. */
function goldenFrame(): Uint8Array {
  const directory = new Uint8Array(200);
  const data = new TextEncoder().encode('hello');
  let at = putEntryOp(directory, 0, Op.Append, 1, 300, 7, 2, data.length, crc32(data));
  at = putFactOp(directory, at, Op.CompactPrefix, 9, 128, 3);
  at = putFactOp(directory, at, Op.CommitHint, 1, 299, 0);
  at = putFactOp(directory, at, Op.TruncateSuffix, 9, 130, 0);
  at = putFactOp(directory, at, Op.RemoveLog, 4, 0, 0);
  const bytes = new Uint8Array(frameBytes(at, data.length));
  bytes.set(directory.subarray(0, at), FRAME_HEADER_BYTES);
  bytes.set(data, FRAME_HEADER_BYTES + at);
  const head = {
    seq: 12,
    syncedSeq: 10,
    directoryLength: at,
    payloadLength: data.length,
    payloadCrc: crc32(data),
    kind: FrameKind.Entries,
    entryCount: 5,
    oldestSegment: 1,
  };
  encodeFrameHead(bytes, 0, head, new HeadSeed(WAL_ID, 2).at(64));
  return bytes;
}

describe('the format on disk', () => {
  it('is what it was: segment header', () => {
    const bytes = encodeSegmentHeader(HEADER);
    expect(hex(bytes.subarray(0, 60))).toBe(
      '444f554757414c000100000001000000341200000000000000010203040506070809' +
        '0a0b0c0d0e0f4d00000000000000efbeadde0000000400000000',
    );
    expect(bytes.subarray(60)).toEqual(u32(crc32(bytes.subarray(0, 60))));
    expect(decodeSegmentHeader(bytes)).toEqual(HEADER);
  });

  it('is what it was: frame', () => {
    expect(hex(goldenFrame())).toBe(
      '445746523e3cac560c000000000000000a000000000000001a0000000500000086a61036' +
        '010005000100000000000000' +
        '0101ac0207020586a61036' +
        '0903800103' +
        '0104ab02' +
        '09028201' +
        '0406' +
        '68656c6c6f' +
        '00',
    );
  });

  it('is what it was: seal', () => {
    const tally = new SpanTally();
    for (const index of [5, 4, 6]) tally.add(2, index);
    tally.add(1, 300);
    const content = { framesCrc: 1, liveEntries: 2, liveBytes: 300, logs: tally.spans() };
    const bytes = encodeSeal(content);
    expect(hex(bytes)).toBe('01000000' + '02ac0202' + '0101ac02ac02' + '02030406');
    setFramesCrc(bytes, 0xff);
    expect(decodeSeal(bytes, 0, bytes.length)).toEqual({ ...content, framesCrc: 0xff });
    expect(frameBytes(bytes.length, 0)).toBeLessThanOrEqual(sealBytesAtMost(2));
  });

  it('is what it was: record header', () => {
    const identity = Uint8Array.of(1, 2, 3);
    const bytes = encodeRecordHeader(identity);
    const fixed = `444f554752454300010000000100000003000000${'00'.repeat(40)}`;
    expect(hex(bytes.subarray(0, 60))).toBe(fixed);
    expect(bytes.subarray(60, 64)).toEqual(u32(crc32(identity, crc32(bytes.subarray(0, 60)))));
    expect(hex(bytes.subarray(64))).toBe('0102030000000000');
    expect(decodeRecordHeader(bytes)).toEqual(identity);
  });

  it('takes a flipped bit in a header for damage, also in the version', () => {
    const segment = encodeSegmentHeader(HEADER);
    const record = encodeRecordHeader(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
    for (const bytes of [segment, record]) {
      const decode = bytes === segment ? decodeSegmentHeader : decodeRecordHeader;
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const damaged = bytes.slice();
        damaged[bit >> 3]! ^= 1 << (bit & 7);
        expect(decode(damaged)).toBe('damaged');
      }
    }
  });

  it('tells a newer format from damage', () => {
    const segment = encodeSegmentHeader(HEADER);
    putU32(segment, 8, 2);
    segment.set(u32(crc32(segment.subarray(0, 60))), 60);
    expect(decodeSegmentHeader(segment)).toBe('newer');
    const identity = Uint8Array.of(1);
    const record = encodeRecordHeader(identity);
    record[13] = 1;
    record.set(u32(crc32(identity, crc32(record.subarray(0, 60)))), 60);
    expect(decodeRecordHeader(record)).toBe('newer');
  });

  it('reads a frame back, and only at its own place', () => {
    const bytes = goldenFrame();
    const seeds = new HeadSeed(WAL_ID, 2);
    const head = decodeFrameHead(bytes, 0, seeds.at(64));
    expect(head).toMatchObject({ seq: 12, syncedSeq: 10, entryCount: 5, oldestSegment: 1 });
    expect(decodeFrameHead(bytes, 0, seeds.at(72))).toBeNull();
    expect(decodeFrameHead(bytes, 0, new HeadSeed(WAL_ID, 3).at(64))).toBeNull();
    expect(decodeFrameHead(bytes, 0, new HeadSeed(new Uint8Array(16), 2).at(64))).toBeNull();
    if (head === null) throw new Error('no head');
    const reader = new OpReader(bytes, FRAME_HEADER_BYTES, head);
    const found: unknown[] = [];
    while (reader.next()) {
      const { op, logId, index, term, type, length } = reader;
      found.push([op, logId, index, term, type, length]);
    }
    expect(found).toEqual([
      [Op.Append, 1, 300, 7, 2, 5],
      [Op.CompactPrefix, 9, 128, 3, 0, 0],
      [Op.CommitHint, 1, 299, 0, 0, 0],
      [Op.TruncateSuffix, 9, 130, 0, 0, 0],
      [Op.RemoveLog, 4, 0, 0, 0, 0],
    ]);
    expect(reader.finished()).toBe(true);
  });

  it('keeps operations within their bound', () => {
    const most = Number.MAX_SAFE_INTEGER;
    const bytes = new Uint8Array(100);
    const end = putEntryOp(bytes, 0, Op.Rewrite, most, most, most, 255, 64 * 1024 * 1024, 1);
    expect(end).toBeLessThanOrEqual(MAX_OPERATION_BYTES);
    expect(putFactOp(bytes, 0, Op.CompactPrefix, most, most, most)).toBeLessThan(end);
  });

  it('is never believed where a head or directory was changed or cut', () => {
    const good = goldenFrame();
    const seed = new HeadSeed(WAL_ID, 2).at(64);
    const headEnd = FRAME_HEADER_BYTES + (decodeFrameHead(good, 0, seed)?.directoryLength ?? 0);
    const change = fc.tuple(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }));
    fc.assert(
      fc.property(
        fc.array(change, { minLength: 1, maxLength: 8 }),
        fc.nat(good.length),
        (changes, length) => {
          const bytes = good.slice(0, length);
          for (const [at, mask] of changes) if (at < length) bytes[at]! ^= mask;
          const same = hex(bytes.subarray(0, headEnd)) === hex(good.subarray(0, headEnd));
          expect(decodeFrameHead(bytes, 0, seed) !== null).toBe(same);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('does not crash a reader with a directory or seal of random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(10), (bytes, entryCount) => {
        const head = {
          headCrc: 0,
          seq: 1,
          syncedSeq: 0,
          directoryLength: bytes.length,
          payloadLength: 0,
          payloadCrc: 0,
          kind: FrameKind.Entries,
          flags: 0,
          entryCount,
          oldestSegment: 0,
        };
        const reader = new OpReader(bytes, 0, head);
        let count = 0;
        while (reader.next()) {
          count++;
          expect(Number.isSafeInteger(reader.index) && reader.logId >= 1).toBe(true);
        }
        expect(count).toBeLessThanOrEqual(entryCount);
        const seal = decodeSeal(bytes, 0, bytes.length);
        if (seal !== null) expect(seal.logs.length).toBeLessThan(80);
      }),
      { numRuns: 1000 },
    );
  });
});
