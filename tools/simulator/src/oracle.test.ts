import { type Observation, violations } from './oracle.js';

const op = (part: Partial<Observation>): Observation => ({
  client: 1,
  kind: 'put',
  key: 'a',
  value: 'v1',
  revision: 1,
  invokedMs: 0,
  returnedMs: 1,
  status: 'ok',
  ...part,
});

describe('the oracle of the simulator', () => {
  it('accepts a write and a read of it', () => {
    expect(violations([op({}), op({ kind: 'get', invokedMs: 2, returnedMs: 3 })])).toEqual([]);
  });

  it('sees a lost acknowledged write', () => {
    const read = op({ kind: 'get', value: null, revision: 0, invokedMs: 2, returnedMs: 3 });
    expect(violations([op({}), read])).toHaveLength(1);
  });

  it('accepts an absent read after a delete that may have happened', () => {
    const remove = op({
      kind: 'delete',
      value: null,
      revision: 0,
      status: 'unknown',
      invokedMs: 2,
    });
    const read = op({ kind: 'get', value: null, revision: 0, invokedMs: 4, returnedMs: 5 });
    expect(violations([op({}), remove, read])).toEqual([]);
  });

  it('sees a stale read', () => {
    const history = [
      op({}),
      op({ value: 'v2', revision: 2, invokedMs: 2, returnedMs: 3 }),
      op({ kind: 'get', invokedMs: 4, returnedMs: 5 }),
    ];
    expect(violations(history).join()).toContain('stale');
  });

  it('sees a value of a write that failed for certain', () => {
    const history = [
      op({ status: 'fail', revision: 0 }),
      op({ kind: 'get', invokedMs: 2, returnedMs: 3 }),
    ];
    expect(violations(history).join()).toContain('failed for certain');
  });

  it('sees a value that nobody wrote', () => {
    const read = op({ kind: 'get', value: 'phantom', invokedMs: 2, returnedMs: 3 });
    expect(violations([read]).join()).toContain('never written');
  });

  it('sees one revision given to two writes', () => {
    expect(violations([op({}), op({ value: 'v2', key: 'b' })]).join()).toContain('two writes');
  });

  it('sees a write ordered before one that was acknowledged earlier', () => {
    const history = [
      op({ revision: 5 }),
      op({ key: 'b', value: 'v2', revision: 4, invokedMs: 2, returnedMs: 3 }),
    ];
    expect(violations(history).join()).toContain('was given after');
  });

  it('INVARIANT(applied-once): sees one write at two revisions', () => {
    const history = [
      op({ status: 'unknown', returnedMs: 9 }),
      op({ kind: 'get', invokedMs: 1, returnedMs: 2 }),
      op({ kind: 'get', revision: 3, invokedMs: 3, returnedMs: 4 }),
    ];
    expect(violations(history).join()).toContain('was seen at revision 1 and at 3');
  });

  it('sees reads that go back', () => {
    const history = [
      op({ status: 'unknown', returnedMs: 9 }),
      op({ value: 'v2', revision: 2, status: 'unknown', returnedMs: 9 }),
      op({ kind: 'get', value: 'v2', revision: 2, invokedMs: 1, returnedMs: 2 }),
      op({ kind: 'get', value: 'v1', revision: 1, invokedMs: 3, returnedMs: 4 }),
    ];
    expect(violations(history).join()).toContain('had been read');
  });
});
