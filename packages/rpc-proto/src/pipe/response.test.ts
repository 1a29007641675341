import { BinaryWriter } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import { aNumber, aSmallValue, aValue } from '../../test/arbitraries.js';
import { embedded, join, mutated } from '../../test/mutation.js';
import { DougError, toWire } from '../doug-error.js';
import { PipeResponse, type PipeResult } from '../gen/dougdb/v1/doug.js';
import { ResponseHeader, type Error as WireError } from '../gen/dougdb/v1/types.js';
import { limits } from '../limits.js';
import { NO_HEADER } from './response-format.js';
import { readPipeResponse } from './response-reader.js';
import { PipeResponseWriter } from './response-writer.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function header(partitionId: number): ResponseHeader {
  return {
    clusterId: new Uint8Array(16).fill(3),
    nodeId: 2 ** 53 - 1,
    partitionId,
    revision: 2 ** 53 - 1,
    term: 2 ** 53 - 1,
    appliedIndex: 2 ** 53 - 1,
    logTime: 2 ** 53 - 1,
    served: 1,
    ageMs: 2 ** 53 - 1,
  };
}

type Event = readonly unknown[];

function errorEvent({ code, outcome, message, retryAfterMs }: WireError): Event {
  return [code, outcome, message, retryAfterMs];
}

/** Everything that the visitor was told. */
function events(bytes: Uint8Array): Event[] {
  const seen: Event[] = [];
  readPipeResponse(bytes, {
    begin: (headers, count) => void seen.push(['begin', headers.map((h) => h.partitionId), count]),
    write: (id, index, revision, notKept, failed, previous, start, end) => {
      const value = hex(bytes.subarray(start, end));
      seen.push(['write', id, index, revision, notKept, failed, previous, value]);
    },
    get: (id, index, found, start, end, revision) =>
      void seen.push(['get', id, index, found, hex(bytes.subarray(start, end)), revision]),
    error: (id, index, error) => void seen.push(['error', id, index, ...errorEvent(error)]),
    unknown: (id, index) => void seen.push(['unknown', id, index]),
  });
  return seen;
}

function expected({ headers, results }: PipeResponse): Event[] {
  return [
    ['begin', headers.map((h) => h.partitionId), results.length],
    ...results.map(({ id, header: index, result }) => {
      if (result === undefined) return ['unknown', id, index];
      if (result.$case === 'error') return ['error', id, index, ...errorEvent(result.value)];
      if (result.$case === 'write') {
        const { revision, resultNotKept, compareFailed, previousRevision } = result.value;
        const previous = hex(result.value.previousValue);
        return [
          ...['write', id, index, revision, resultNotKept],
          ...[compareFailed, previousRevision, previous],
        ];
      }
      const { found, value, revision } = result.value;
      return ['get', id, index, found, hex(value), revision];
    }),
  ];
}

type Row = PipeResult['result'];

const nothingLooked = {
  compareFailed: false,
  previousRevision: 0,
  previousValue: new Uint8Array(0),
  result: new Uint8Array(0),
};

function aResult(value: fc.Arbitrary<Uint8Array>): fc.Arbitrary<NonNullable<Row>> {
  return fc.oneof(
    fc
      .record({ revision: aNumber, resultNotKept: fc.boolean() })
      .map((write) => ({ $case: 'write' as const, value: { ...write, ...nothingLooked } })),
    fc
      .record({
        revision: aNumber,
        resultNotKept: fc.boolean(),
        compareFailed: fc.boolean(),
        previousRevision: aNumber.map((n) => Math.max(1, n)),
        previousValue: value,
        result: value,
      })
      .map((write) => ({ $case: 'write' as const, value: write })),
    fc
      .record({ found: fc.constant(true), value, revision: aNumber, expiresAt: aNumber })
      .map((get) => ({ $case: 'get' as const, value: get })),
    fc.constant({
      $case: 'get' as const,
      value: { found: false, value: new Uint8Array(0), revision: 0, expiresAt: 0 },
    }),
    fc.string().map((message) => ({
      $case: 'error' as const,
      value: toWire(new DougError('BUSY', message, { retryAfterMs: 5 })),
    })),
  );
}

function aResponse(value: fc.Arbitrary<Uint8Array>): fc.Arbitrary<PipeResponse> {
  const results = fc.array(fc.record({ id: aNumber, header: fc.nat(2), result: aResult(value) }), {
    maxLength: 6,
  });
  return results.map((rows) => ({ headers: [header(10), header(11), header(12)], results: rows }));
}

const aSmallMessage = aResponse(aSmallValue).map((message) =>
  PipeResponse.encode(message).finish(),
);

/** Adds a row by its message; the three headers are objects that the caller keeps. */
function add(writer: PipeResponseWriter, headers: ResponseHeader[], row: PipeResult): boolean {
  const { id, result } = row;
  const of = headers[row.header]!;
  switch (result?.$case) {
    case 'write':
      return result.value.previousRevision === 0
        ? writer.addWrite(id, of, result.value.revision, result.value.resultNotKept)
        : writer.addLookedWrite(id, of, result.value);
    case 'error':
      return writer.addError(id, of, result.value);
    case 'get': {
      if (!result.value.found) return writer.addGetMissing(id, of);
      const { bytes, start, end } = embedded(result.value.value, 0xee);
      return writer.addGet(id, of, bytes, start, end, result.value.revision);
    }
    default:
      throw new Error('no such row');
  }
}

/** Rows with the partition that their header names instead of its index. */
function byPartition(message: Event[]): Event[] {
  const partitions = message[0]![1] as number[];
  return message
    .slice(1)
    .map(([what, id, index, ...rest]) => [what, id, partitions[index as number], ...rest]);
}

function attempt(bytes: Uint8Array): Event[] | DougError {
  try {
    return events(bytes);
  } catch (error) {
    return error as DougError;
  }
}

const malformed = expect.objectContaining({
  code: 'DOUG_INTERNAL',
  outcome: 'UNKNOWN',
  message: expect.stringContaining('malformed message'),
});

describe('PipeResponseWriter', () => {
  it('writes what the generated decoder and our reader understand', () => {
    const writer = new PipeResponseWriter();
    fc.assert(
      fc.property(aResponse(aValue), (message) => {
        for (const row of message.results) expect(add(writer, message.headers, row)).toBe(true);
        expect(writer.results).toBe(message.results.length);
        const bytes = writer.finish();
        const decoded = PipeResponse.decode(bytes);
        expect(decoded.headers.length).toBe(new Set(message.results.map((r) => r.header)).size);
        expect(events(bytes)).toEqual(expected(decoded));
        expect(byPartition(expected(decoded))).toEqual(byPartition(expected(message)));
      }),
    );
  });

  it('writes a header once for each message, whole', () => {
    const writer = new PipeResponseWriter();
    const headers = [header(1), header(2)];
    for (let round = 0; round < 2; round++) {
      for (let id = 0; id < 6; id++) writer.addWrite(id, headers[id % 2]!, 1, false);
      const decoded = PipeResponse.decode(writer.finish());
      expect(decoded.headers.map((h) => ResponseHeader.encode(h).finish())).toEqual(
        headers.map((h) => ResponseHeader.encode(h).finish()),
      );
      expect(decoded.results.map((r) => r.header)).toEqual([0, 1, 0, 1, 0, 1]);
    }
  });

  it('names no header for an error that has none', () => {
    const writer = new PipeResponseWriter();
    writer.addWrite(1, header(1), 1, false);
    writer.addError(2, null, toWire(new DougError('STARTING', 'soon')));
    const bytes = writer.finish();
    expect(events(bytes)[2]).toEqual(['error', 2, NO_HEADER, 7, 1, 'soon', 0]);
    expect(PipeResponse.decode(bytes).headers[NO_HEADER]).toBeUndefined();
  });

  it('stays below its bound: says when it is full, and loses and repeats nothing', () => {
    const maxBytes = 2000;
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(1500), fc.nat(3)), { maxLength: 60 }), (rows) => {
        const writer = new PipeResponseWriter(maxBytes);
        const headers = [header(0), header(1), header(2), header(3)];
        const messages: Uint8Array[] = [];
        const value = new Uint8Array(1500);
        rows.forEach(([size, of], id) => {
          while (!writer.addGet(id, headers[of]!, value, 0, size, 1))
            messages.push(writer.finish());
        });
        messages.push(writer.finish());
        for (const message of messages) expect(message.length).toBeLessThan(maxBytes);
        const told = messages.flatMap((message) => byPartition(events(message)));
        expect(told.map(([, id, partition, , got]) => [id, partition, String(got).length])).toEqual(
          rows.map(([size, of], id) => [id, of, size * 2]),
        );
      }),
    );
  });

  it.each(['addWrite', 'addGetMissing', 'addError'])(
    'says that it is full to %s as well',
    (what) => {
      const writer = new PipeResponseWriter(400);
      const of = header(1);
      const rows = {
        addWrite: (id: number) => writer.addWrite(id, of, 1, true),
        addGetMissing: (id: number) => writer.addGetMissing(id, of),
        addError: (id: number) => writer.addError(id, of, toWire(new DougError('BUSY', 'full'))),
      };
      const one = rows[what as keyof typeof rows];
      let id = 0;
      while (one(id)) id++;
      expect(id).toBeGreaterThan(0);
      expect(writer.results).toBe(id);
      expect(writer.finish().length).toBeLessThan(400);
      expect(one(id)).toBe(true);
    },
  );

  it('throws for a row that fits into no message', () => {
    const writer = new PipeResponseWriter(1000);
    expect(() => writer.addGet(1, header(1), new Uint8Array(1000), 0, 1000, 1)).toThrow(
      expect.objectContaining({ code: 'DOUG_INTERNAL' }),
    );
    expect(writer.sizeBytes).toBe(0);
  });

  it('takes the largest value by default', () => {
    const value = new Uint8Array(limits.valueBytes).fill(5);
    const writer = new PipeResponseWriter();
    let rows = 0;
    while (writer.addGet(rows, header(1), value, 0, value.length, 1)) rows++;
    expect(rows).toBe(3);
    const bytes = writer.finish();
    expect(bytes.length).toBeLessThan(limits.requestBytes);
    expect(PipeResponse.decode(bytes).results.map((r) => r.id)).toEqual([0, 1, 2]);
  });
});

describe('readPipeResponse', () => {
  it('finds what the generated encoder wrote', () => {
    fc.assert(
      fc.property(aResponse(aValue), (message) => {
        expect(events(PipeResponse.encode(message).finish())).toEqual(expected(message));
      }),
    );
  });

  it('skips fields that it does not know, at every level', () => {
    const extra = raw((w) => {
      w.uint32(0x7a)
        .string('new')
        .uint32(0x78)
        .uint64(2n ** 64n - 1n);
      w.uint32(0x7d).fixed32(1).uint32(0x79).fixed64(1);
    });
    const write = join(Uint8Array.of(0x08, 5), extra);
    const row = join(
      Uint8Array.of(0x08, 9),
      extra,
      raw((w) => w.uint32(0x22).bytes(write)),
      extra,
    );
    const get = join(extra, Uint8Array.of(0x08, 1, 0x12, 1, 0x61, 0x18, 2));
    const rows = [row, raw((w) => w.uint32(0x2a).bytes(get))];
    const bytes = join(extra, ...rows.map((r) => raw((w) => w.uint32(0x0a).bytes(r))), extra);
    expect(events(bytes)).toEqual([
      ['begin', [], 2],
      ['write', 9, 0, 5, false, false, 0, ''],
      ['get', 0, 0, true, '61', 2],
    ]);
  });

  it('reports a result of a kind that it does not know', () => {
    const row = raw((w) => w.uint32(0x08).uint64(4).uint32(0x32).string('a new kind'));
    expect(events(raw((w) => w.uint32(0x0a).bytes(row)))).toEqual([
      ['begin', [], 1],
      ['unknown', 4, 0],
    ]);
  });

  const bad: [string, Uint8Array][] = [
    ['a cut result', Uint8Array.of(0x0a, 5, 1)],
    ['a header that is garbage', Uint8Array.of(0x12, 2, 0x0a, 9)],
    ['an error that is garbage', Uint8Array.of(0x0a, 4, 0x1a, 2, 0x1a, 9)],
    [
      'a revision of 2^53',
      raw((w) =>
        w
          .uint32(0x0a)
          .fork()
          .uint32(0x22)
          .fork()
          .uint32(8)
          .uint64(2n ** 53n)
          .join()
          .join(),
      ),
    ],
    [
      'an id of 2^53',
      raw((w) =>
        w
          .uint32(0x0a)
          .fork()
          .uint32(8)
          .uint64(2n ** 53n)
          .join(),
      ),
    ],
    ['a value beyond its result', Uint8Array.of(0x0a, 5, 0x2a, 3, 0x12, 4, 1)],
    ['field 0', Uint8Array.of(0x00)],
    [
      'more results than a window has items',
      new Uint8Array(2 * 4097).map((_, i) => (i % 2 ? 0 : 0x0a)),
    ],
  ];
  it.each(bad)('refuses %s: what it answers is in doubt', (_what, bytes) => {
    expect(() => events(bytes)).toThrow(malformed);
  });

  it('delivers the results before a broken one', () => {
    const good = PipeResponse.encode({
      headers: [],
      results: [
        {
          id: 1,
          header: 0,
          result: { $case: 'write', value: { revision: 2, resultNotKept: true, ...nothingLooked } },
        },
      ],
    }).finish();
    const seen: number[] = [];
    const fail = () => {
      throw new Error('not expected');
    };
    const visitor = {
      begin: () => undefined,
      write: (id: number) => void seen.push(id),
      get: fail,
      error: fail,
      unknown: fail,
    };
    expect(() => readPipeResponse(join(good, Uint8Array.of(0x0a, 2, 0x08, 0x80)), visitor)).toThrow(
      malformed,
    );
    expect(seen).toEqual([1]);
  });

  it('takes of mutated bytes only what the generated decoder takes, and finds the same in it', () => {
    let taken = 0;
    fc.assert(
      fc.property(mutated(aSmallMessage), (bytes) => {
        const mine = attempt(bytes);
        if (!Array.isArray(mine)) {
          expect(mine).toEqual(malformed);
          return;
        }
        taken++;
        expect(mine).toEqual(expected(PipeResponse.decode(bytes)));
      }),
      { numRuns: 4000 },
    );
    expect(taken).toBeGreaterThan(500);
  });

  it('depends on nothing outside of its bytes', () => {
    fc.assert(
      fc.property(mutated(aSmallMessage), (bytes) => {
        const outcomes = [0x00, 0x0a, 0xff].map((filler) => {
          const place = embedded(bytes, filler);
          const mine = attempt(place.bytes.subarray(place.start, place.end));
          return Array.isArray(mine) ? mine : mine.message;
        });
        expect(outcomes[1]).toEqual(outcomes[0]);
        expect(outcomes[2]).toEqual(outcomes[0]);
      }),
      { numRuns: 1500 },
    );
  });
});

function raw(build: (writer: BinaryWriter) => void): Uint8Array {
  const writer = new BinaryWriter();
  build(writer);
  return writer.finish();
}
