import fc from 'fast-check';
import { anOpId, aSmallValue } from '../test/arbitraries.js';
import { encodeDeleteRange, encodeInternal, encodeTxn, forEachRange } from './command-body.js';
import { CommandView, readCommand } from './command-codec.js';
import { Command, type Compare, TxnOperation, type TxnStep } from './gen/dougdb/v1/types.js';
import { limits } from './limits.js';

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const none = new Uint8Array(0);

const aShortKey = fc.uint8Array({ minLength: 1, maxLength: 9 });
const aStep: fc.Arbitrary<TxnStep> = fc.oneof(
  fc
    .record({
      key: aShortKey,
      value: aSmallValue,
      ttlMs: fc.nat(1000),
      returnPrevious: fc.boolean(),
    })
    .map((value) => ({ step: { $case: 'put' as const, value } })),
  fc
    .record({ key: aShortKey, returnPrevious: fc.boolean() })
    .map((value) => ({ step: { $case: 'delete' as const, value } })),
  fc.record({ key: aShortKey }).map((value) => ({ step: { $case: 'get' as const, value } })),
  fc
    .record({ start: aShortKey, limit: fc.nat(9), reverse: fc.boolean(), keysOnly: fc.boolean() })
    .map((range) => ({ step: { $case: 'scan' as const, value: { ...range, end: none } } })),
  fc
    .record({ start: aShortKey })
    .map(({ start }) => ({ step: { $case: 'deleteRange' as const, value: { start, end: none } } })),
);
const aCompare: fc.Arbitrary<Compare> = fc.record({
  key: aShortKey,
  rangeEnd: fc.constant(none),
  relation: fc.constantFrom(1 as const, 2 as const),
  target: fc.oneof(
    fc.nat().map((value) => ({ $case: 'revision' as const, value })),
    aSmallValue.map((value) => ({ $case: 'value' as const, value })),
    fc.boolean().map((value) => ({ $case: 'exists' as const, value })),
  ),
});
const aTxn: fc.Arbitrary<TxnOperation> = fc.record({
  compares: fc.array(aCompare, { maxLength: 3 }),
  success: fc.array(aStep, { minLength: 1, maxLength: 4 }),
  failure: fc.array(aStep, { maxLength: 4 }),
});

function read(bytes: Uint8Array, start = 0, end = bytes.length): CommandView {
  const view = new CommandView();
  readCommand(bytes, start, end, view);
  return view;
}

function ofTxn(txn: Partial<TxnOperation>): Uint8Array {
  return encodeTxn(null, { compares: [], success: [], failure: [], ...txn });
}

function getStep(key: string): TxnStep {
  return { step: { $case: 'get', value: { key: utf8(key) } } };
}

function refusal(bytes: Uint8Array): string {
  try {
    read(bytes);
    return 'taken';
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    return `${code}: ${message}`;
  }
}

describe('readCommand, of the commands with several keys', () => {
  it('reads what was encoded, wherever it stands, and finds its first key', () => {
    fc.assert(
      fc.property(aTxn, fc.option(anOpId), fc.nat(20), (txn, opId, before) => {
        const encoded = encodeTxn(opId, txn);
        const bytes = new Uint8Array(before + encoded.length + 3).fill(0xee);
        bytes.set(encoded, before);
        const view = read(bytes, before, before + encoded.length);
        expect(view.body).toMatchObject({ kind: 'txn', txn });
        expect([view.kind, view.looks, view.seq]).toEqual(['txn', true, opId?.seq ?? 0]);
        const named: Uint8Array[] = [];
        forEachRange(view.body!, (start) => named.push(start));
        expect(bytes.subarray(view.keyStart, view.keyEnd)).toEqual(named[0]);
      }),
      { numRuns: 500 },
    );
  });

  it('leaves nothing of them to the command that is read next', () => {
    const view = read(encodeDeleteRange(null, { start: utf8('a'), end: utf8('b'), limit: 7 }));
    expect(view.body).toMatchObject({ kind: 'delete-range', deleteRange: { limit: 7 } });
    const put = Command.encode(
      Command.fromPartial({
        operation: { $case: 'put', value: { key: utf8('k'), value: utf8('v'), ttlMs: 5 } },
      }),
    ).finish();
    readCommand(put, 0, put.length, view);
    expect([view.kind, view.body, view.looks, view.ttlMs]).toEqual(['put', null, false, 5]);
  });

  it('names every range of both lists', () => {
    const view = read(
      ofTxn({
        compares: [
          {
            key: utf8('a'),
            rangeEnd: utf8('c'),
            relation: 1,
            target: { $case: 'exists', value: false },
          },
        ],
        success: [getStep('d')],
        failure: [
          { step: { $case: 'deleteRange', value: { start: utf8('e'), end: utf8('f') } } },
          {
            step: {
              $case: 'put',
              value: { key: utf8('g'), value: none, ttlMs: 0, returnPrevious: false },
            },
          },
        ],
      }),
    );
    const named: string[] = [];
    forEachRange(view.body!, (start, end) =>
      named.push(end === null ? text(start) : `${text(start)}-${text(end)}`),
    );
    expect(named).toEqual(['a-c', 'd', 'e-f', 'g']);
  });

  it('reads what leaders make', () => {
    const keys = [{ key: utf8('old'), revision: 4 }];
    expect(read(encodeInternal({ $case: 'expire', value: { keys } })).body).toMatchObject({
      kind: 'expire',
      expire: { keys },
    });
    const compact = read(encodeInternal({ $case: 'compact', value: { revision: 9 } }));
    expect(compact.body).toMatchObject({
      kind: 'compact',
      compact: { revision: 9 },
      firstKey: null,
    });
    expect(compact.keyEnd - compact.keyStart).toBe(0);
  });

  const manySteps = Array.from({ length: limits.txnOps + 1 }, (_, i) => getStep(`${i}`));
  const compareOf = (more: Partial<Compare>): Compare => ({
    key: utf8('k'),
    rangeEnd: none,
    relation: 1,
    target: { $case: 'revision', value: 1 },
    ...more,
  });
  const bad: [string, Uint8Array, string][] = [
    ['nothing', ofTxn({}), 'a transaction of nothing'],
    [
      'too many steps',
      ofTxn({ failure: manySteps }),
      '129 operations in a list of a transaction are over the limit of 128',
    ],
    ['an empty step', ofTxn({ success: [{ step: undefined }] }), 'an empty step in a transaction'],
    ['an empty key', ofTxn({ success: [getStep('')] }), 'empty key'],
    [
      'a long key',
      ofTxn({ success: [getStep('k'.repeat(8193))] }),
      'key of 8193 bytes is over the limit of 8192',
    ],
    [
      'no relation',
      ofTxn({ compares: [compareOf({ relation: 0 })] }),
      'unknown relation 0 in a compare',
    ],
    [
      'no target',
      ofTxn({ compares: [compareOf({ target: undefined })] }),
      'a compare with nothing',
    ],
    [
      'an order of existence',
      ofTxn({ compares: [compareOf({ relation: 3, target: { $case: 'exists', value: true } })] }),
      'existence can be equal or not, no more',
    ],
    [
      'a range the wrong way round',
      ofTxn({ compares: [compareOf({ rangeEnd: utf8('a') })] }),
      'the start of a range lies behind its end',
    ],
    [
      'a large value',
      ofTxn({
        compares: [
          compareOf({ target: { $case: 'value', value: new Uint8Array(limits.valueBytes + 1) } }),
        ],
      }),
      'value of 1048577 bytes is over the limit of 1048576',
    ],
    [
      'too long a life',
      ofTxn({
        success: [
          {
            step: {
              $case: 'put',
              value: { key: utf8('k'), value: none, ttlMs: 2 ** 50, returnPrevious: false },
            },
          },
        ],
      }),
      'a time to live of 1125899906842624 ms is over 630720000000',
    ],
    [
      'too many keys',
      encodeDeleteRange(null, { start: none, end: none, limit: 1025 }),
      '1025 keys are over the limit of 1024',
    ],
    [
      'an expiry of nothing',
      encodeInternal({ $case: 'expire', value: { keys: [] } }),
      'an expiry of nothing',
    ],
  ];
  it.each(bad)('refuses %s', (_what, bytes, message) => {
    expect(refusal(bytes)).toBe(`DOUG_INVALID_ARGUMENT: ${message}`);
  });

  it('INVARIANT(known-fields): refuses what another version might read differently', () => {
    const body = TxnOperation.encode({
      compares: [],
      success: [getStep('k')],
      failure: [],
    }).finish();
    const command = (...more: number[]): Uint8Array =>
      Uint8Array.of(0x22, body.length + more.length, ...body, ...more);
    expect(refusal(command())).toBe('taken');
    expect(refusal(command(0x48, 1))).toMatch('unknown field 9');
    // An empty compare list is no field at all; an empty step list as well.
    expect(refusal(Uint8Array.of(0x2a, 4, 0x0a, 0, 0x18, 0))).toMatch('written defaults');
    expect(refusal(Uint8Array.of(0x2a, 6, 0x0a, 1, 0x61, 0x0a, 1, 0x62))).toMatch(
      'repeated fields',
    );
    expect(refusal(Uint8Array.of(0x3a, 2, 0x08, 1, 0x3a, 2, 0x08, 1))).toMatch('two operations');
  });

  it('never fails in another way, whatever the bytes are', () => {
    fc.assert(
      fc.property(aTxn, fc.nat(), fc.integer({ min: 1, max: 255 }), (txn, at, flip) => {
        const bytes = encodeTxn(null, txn);
        bytes[at % bytes.length] = bytes[at % bytes.length]! ^ flip;
        expect(refusal(bytes)).toMatch(/^(taken|DOUG_INVALID_ARGUMENT: )/);
      }),
      { numRuns: 2000 },
    );
  });
});
