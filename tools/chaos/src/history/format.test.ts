import { decodeOperation, encodeOperation } from './format.js';
import { HistoryFormatError } from './history-format-error.js';
import type { OperationRecord } from './operation.js';

const base = { process: 3, op: 'put', key: 'a', value: 'v', invoke: 1, return: 2, status: 'ok' };
const line = (fields: object): string => JSON.stringify({ ...base, ...fields });

function errorOf(text: string): string {
  try {
    decodeOperation(text, 7);
  } catch (error) {
    if (HistoryFormatError.is(error)) return error.message;
    throw error;
  }
  throw new Error('it was accepted');
}

describe('a line of a history', () => {
  it('says what was called, what came of it, and when', () => {
    expect(
      decodeOperation(
        '{"process":3,"op":"put","key":"a","value":"v17","invoke":"123","return":"456","status":"ok"}',
        1,
      ),
    ).toEqual({
      process: 3,
      call: { op: 'put', key: 'a', value: 'v17' },
      status: 'ok',
      answer: {},
      invoke: 123,
      return: 456,
    });
  });

  it.each([
    ['get', { op: 'get', value: null }, { op: 'get', key: 'a' }, { value: null }],
    ['get', { op: 'get', value: '' }, { op: 'get', key: 'a' }, { value: '' }],
    ['put', { prev: null }, { op: 'put', key: 'a', value: 'v' }, { prev: null }],
    [
      'delete',
      { op: 'delete', value: null, existed: true, prev: 'x' },
      { op: 'delete', key: 'a' },
      { existed: true, prev: 'x' },
    ],
    [
      'cas',
      { op: 'cas', expected: null, result: false },
      { op: 'cas', key: 'a', expected: null, value: 'v' },
      { result: false },
    ],
    [
      'cas that removes',
      { op: 'cas', expected: 'x', value: null },
      { op: 'cas', key: 'a', expected: 'x', value: null },
      {},
    ],
    ['append', { op: 'append', prev: 'p' }, { op: 'append', key: 'a', value: 'v' }, { prev: 'p' }],
  ])('reads a %s', (_, fields, call, answer) => {
    expect(decodeOperation(line(fields), 1)).toMatchObject({ call, answer });
  });

  it('takes null for absent where the operation has no such field', () => {
    const fields = { op: 'get', expected: null, result: null, existed: null, prev: null };
    expect(decodeOperation(line(fields), 1).answer).toEqual({ value: 'v' });
  });

  it('takes fields that the format does not name for notes', () => {
    expect(decodeOperation(line({ node: 'n1', error: 'late' }), 1)).toMatchObject({ answer: {} });
  });

  it.each(['fail', 'unknown'])('ignores what an operation that is %s claims to know', (status) => {
    const cas = { op: 'cas', expected: 'x', result: false, prev: 'y', status };
    expect(decodeOperation(line(cas), 1)).toMatchObject({ answer: {}, status });
    const get = { op: 'get', status };
    expect(decodeOperation(line(get), 1).answer).toEqual({});
    expect(decodeOperation(line({ ...get, value: undefined }), 1).answer).toEqual({});
  });

  it('lets an unknown have no return', () => {
    for (const absent of [undefined, null]) {
      expect(decodeOperation(line({ status: 'unknown', return: absent }), 1).return).toBeNull();
    }
    expect(decodeOperation(line({ status: 'unknown' }), 1).return).toBe(2);
  });

  it.each([
    ['"9007199254740993"', 9007199254740993n],
    ['9007199254740993', 9007199254740993n],
    ['-9007199254740993', -9007199254740993n],
    ['"123456789012345678901234567890"', 123456789012345678901234567890n],
    ['"-5"', -5],
    ['"007"', 7],
    ['0', 0],
  ])('reads the time %s exactly', (text, time) => {
    const key = JSON.stringify('"invoke": 1,');
    const record = decodeOperation(
      `{"process":"p","op":"get","key":${key},"value":null,"invoke": ${text}, "status":"unknown"}`,
      1,
    );
    expect(record.invoke).toBe(time);
  });

  it.each([
    ['{"process":1', /^line 7: not JSON: /],
    ['[1]', /^line 7: not a JSON object: \[1\]$/],
    ['null', /^line 7: not a JSON object: null$/],
    [line({ process: undefined }), /"process" is missing$/],
    [line({ process: 1.5 }), /"process" must be a string or an integer, not 1.5$/],
    [line({ process: null }), /"process" must be a string or an integer, not null$/],
    [line({ op: undefined }), /"op" is missing$/],
    [line({ op: 'read' }), /"op" must be one of get, put, delete, cas, append, not "read"$/],
    [line({ status: undefined }), /"status" is missing$/],
    [line({ status: 'info' }), /"status" must be one of ok, fail, unknown, not "info"$/],
    [line({ key: undefined }), /"key" is missing$/],
    [line({ key: 5 }), /"key" must be a string, not 5$/],
    [line({ value: undefined }), /"value" is missing$/],
    [line({ value: null }), /"value" must be a string, not null$/],
    [line({ op: 'append', value: 5 }), /"value" must be a string, not 5$/],
    [line({ op: 'get', value: undefined }), /"value" is missing$/],
    [line({ op: 'get', value: 5 }), /"value" must be a string or null, not 5$/],
    [line({ op: 'get', value: 5, status: 'unknown' }), /"value" must be a string or null, not 5$/],
    [line({ op: 'cas' }), /"expected" is missing$/],
    [line({ op: 'cas', expected: null, value: undefined }), /"value" is missing$/],
    [line({ op: 'cas', expected: 1 }), /"expected" must be a string or null, not 1$/],
    [line({ op: 'cas', expected: 'x', result: 'no' }), /"result" must be true or false, not "no"$/],
    [line({ op: 'delete', value: null, existed: 1 }), /"existed" must be true or false, not 1$/],
    [line({ prev: 1 }), /"prev" must be a string or null, not 1$/],
    [line({ expected: 'x' }), /"expected" is not a field of put$/],
    [line({ existed: true }), /"existed" is not a field of put$/],
    [line({ op: 'get', prev: 'x' }), /"prev" is not a field of get$/],
    [line({ op: 'delete' }), /"value" is not a field of delete$/],
    [line({ op: 'append', result: true }), /"result" is not a field of append$/],
    [line({ invoke: undefined }), /"invoke" is missing$/],
    [line({ invoke: 1.5 }), /"invoke" must be an integer or a decimal string, not 1.5$/],
    [line({ invoke: '1e3' }), /"invoke" must be an integer or a decimal string, not "1e3"$/],
    [line({ invoke: '' }), /"invoke" must be an integer or a decimal string, not ""$/],
    [line({ invoke: true }), /"invoke" must be an integer or a decimal string, not true$/],
    [line({}).replace('"invoke":1', '"invoke":1e300'), /"invoke" must be an integer/],
    [line({ return: undefined }), /"return" is missing$/],
    [line({ return: null }), /"return" must be an integer or a decimal string, not null$/],
    [line({ status: 'fail', return: undefined }), /"return" is missing$/],
    [line({ status: 'unknown', return: 'x' }), /"return" must be an integer or a decimal string/],
    [line({ invoke: 5, return: '4' }), /it returned \(4\) before it was invoked \(5\)$/],
    [
      line({ invoke: '9007199254740993', return: 9007199254740992 }),
      /it returned \(9007199254740992\) before it was invoked \(9007199254740993\)$/,
    ],
    [line({ key: ['x'.repeat(200)] }), /not \["x{55}\.\.\.$/],
  ])('refuses %s', (text, message) => {
    expect(errorOf(text)).toMatch(message);
    expect(errorOf(text)).toMatch(/^line 7: /);
  });

  it('is written as it is read', () => {
    const records: OperationRecord[] = [
      {
        process: 'w1/2',
        call: { op: 'cas', key: '\n"', expected: null, value: null },
        status: 'ok',
        answer: { result: false, prev: '\u{1f600}' },
        invoke: 9007199254740993n,
        return: 9007199254740999n,
      },
      {
        process: 4,
        call: { op: 'get', key: '' },
        status: 'ok',
        answer: { value: null },
        invoke: 0,
        return: 0,
      },
      {
        process: 5,
        call: { op: 'append', key: 'k', value: '' },
        status: 'unknown',
        answer: {},
        invoke: 1,
        return: null,
      },
    ];
    for (const record of records) {
      expect(encodeOperation(record)).not.toContain('\n');
      expect(decodeOperation(encodeOperation(record), 1)).toEqual(record);
    }
  });
});
