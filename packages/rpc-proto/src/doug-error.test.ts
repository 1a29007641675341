import fc from 'fast-check';
import { codeNames, codes } from './codes.js';
import { DougError, fromWire, toWire, wellFormed } from './doug-error.js';
import { Code, Outcome, type RouteHint, Error as WireError } from './gen/dougdb/v1/types.js';

const route: RouteHint = {
  partition: undefined,
  leaderNodeId: 3,
  nodes: [{ nodeId: 3, uuid: new Uint8Array(16), address: '127.0.0.1:4400' }],
  logTime: 99,
};

describe('DougError', () => {
  it('takes the outcome of its code unless told otherwise', () => {
    for (const name of codeNames) {
      expect(new DougError(name, 'x').outcome).toBe(codes[name].outcome);
      expect(new DougError(name, 'x', { outcome: 'UNKNOWN' }).outcome).toBe('UNKNOWN');
    }
  });

  it('has the prefixed code, the bare reason and the message', () => {
    const error = new DougError('NOT_LEADER', 'ask node 3', { route, retryAfterMs: 5 });
    expect(error).toMatchObject({
      name: 'DougError',
      code: 'DOUG_NOT_LEADER',
      reason: 'NOT_LEADER',
      message: 'ask node 3',
      route,
      retryAfterMs: 5,
    });
    expect(String(error)).toBe('DougError: ask node 3');
  });

  it('keeps its cause, and has none when none was given', () => {
    const cause = { any: 'thing' };
    expect(new DougError('INTERNAL', 'x', { cause }).cause).toBe(cause);
    expect('cause' in new DougError('INTERNAL', 'x')).toBe(false);
  });

  it('is retryable only when the next try cannot apply a write twice', () => {
    expect(new DougError('BUSY', 'x').retryable).toBe(true);
    expect(new DougError('BUSY', 'x', { outcome: 'UNKNOWN' }).retryable).toBe(false);
    expect(new DougError('IN_DOUBT', 'x').retryable).toBe(false);
    expect(new DougError('IN_DOUBT', 'x', { outcome: 'NOT_APPLIED' }).retryable).toBe(true);
    expect(new DougError('INVALID_ARGUMENT', 'x').retryable).toBe(false);
    expect(new DougError('SESSION_EXPIRED', 'x', { outcome: 'NOT_APPLIED' }).retryable).toBe(true);
  });

  it('recognises itself by its brand, also when another copy of the class made it', () => {
    const foreign = { [Symbol.for('dougdb.error')]: true };
    expect(DougError.is(new DougError('BUSY', 'x'))).toBe(true);
    expect(DougError.is(foreign)).toBe(true);
    for (const other of [new Error('x'), { code: 'DOUG_BUSY' }, null, undefined, 'BUSY', 7]) {
      expect(DougError.is(other)).toBe(false);
    }
  });

  it('wraps what is not one, with the outcome UNKNOWN unless the caller knows better', () => {
    const error = new DougError('BUSY', 'x');
    expect(DougError.from(error)).toBe(error);
    const cause = new TypeError('no such thing');
    expect(DougError.from(cause)).toMatchObject({
      code: 'DOUG_INTERNAL',
      outcome: 'UNKNOWN',
      message: 'internal error: no such thing',
      cause,
    });
    expect(DougError.from(undefined, 'NOT_APPLIED')).toMatchObject({
      message: 'internal error: undefined',
      outcome: 'NOT_APPLIED',
    });
    expect(DougError.from({}).message).toBe('internal error: no message');
  });
});

describe('the error message', () => {
  it('brings every code with a number to the other side and back', () => {
    for (const name of codeNames.filter((n) => codes[n].wire !== null)) {
      for (const outcome of ['NOT_APPLIED', 'UNKNOWN'] as const) {
        const error = new DougError(name, 'why', { outcome, route, retryAfterMs: 17 });
        const bytes = WireError.encode(toWire(error)).finish();
        const back = fromWire(WireError.decode(bytes));
        expect(back).toMatchObject({ code: error.code, message: 'why', outcome, retryAfterMs: 17 });
        expect(back.route).toMatchObject({ leaderNodeId: 3, logTime: 99 });
      }
    }
  });

  it('sends what only the SDK knows as the nearest code, with its outcome', () => {
    expect(toWire(new DougError('CLOSED', 'x', { outcome: 'NOT_APPLIED' }))).toMatchObject({
      code: Code.CODE_ABORTED,
      outcome: Outcome.OUTCOME_NOT_APPLIED,
    });
    expect(toWire(new DougError('DECODE', 'x')).code).toBe(Code.CODE_INTERNAL);
  });

  it('takes a code that it does not know for INTERNAL', () => {
    const message = { ...toWire(new DougError('BUSY', 'new')), code: 99 as Code };
    expect(fromWire(message)).toMatchObject({
      code: 'DOUG_INTERNAL',
      outcome: 'NOT_APPLIED',
      message: 'unknown code 99: new',
    });
  });

  it('takes anything but NOT_APPLIED for UNKNOWN', () => {
    for (const outcome of [0, 2, 3, -1]) {
      const message = { ...toWire(new DougError('BUSY', '')), outcome: outcome as Outcome };
      expect(fromWire(message)).toMatchObject({ outcome: 'UNKNOWN', message: 'no message' });
    }
  });

  it.each([
    [-5, 0],
    [0.1, 1],
    [Number.NaN, 0],
    [Number.POSITIVE_INFINITY, Number.MAX_SAFE_INTEGER],
  ])('sends a pause of %p ms as %p', (given, sent) => {
    expect(toWire(new DougError('BUSY', 'x', { retryAfterMs: given })).retryAfterMs).toBe(sent);
  });

  it('shortens long messages', () => {
    const { message } = toWire(new DougError('INTERNAL', 'x'.repeat(100_000)));
    expect(message).toHaveLength(512);
    expect(message.endsWith('...')).toBe(true);
  });

  it('makes any text fit for every encoder', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 4, max: 40 }), (text, limit) => {
        const safe = wellFormed(text, limit);
        expect(safe.length).toBeLessThanOrEqual(limit);
        expect(() => encodeURI(safe)).not.toThrow();
      }),
    );
    expect(wellFormed('a\ud800b', 10)).toBe('a\ufffdb');
    expect(wellFormed('cut in the pair: \u{1f600}', 18)).toBe('cut in the pair...');
  });
});
