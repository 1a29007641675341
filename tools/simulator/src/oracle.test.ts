import type { Look, Observation, Previous } from './observation.js';
import { violations } from './oracle.js';

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

const look = (part: Partial<Look>): Look => ({
  ifAbsent: false,
  ifRevision: 0,
  compareFailed: false,
  previous: undefined,
  ...part,
});

const at = (revision: number, value: string | null = null): Previous => ({ revision, value });

/** A second write of the key, after the first was acknowledged. */
const then = (
  revision: number,
  part: Partial<Look>,
  more: Partial<Observation> = {},
): Observation =>
  op({ value: 'v2', revision, invokedMs: 2, returnedMs: 3, look: look(part), ...more });

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

  it('sees a value of a write whose condition was not met', () => {
    const refused = op({ look: look({ compareFailed: true, previous: null, ifRevision: 4 }) });
    const history = [
      { ...refused, revision: 3 },
      op({ kind: 'get', invokedMs: 2, returnedMs: 3, revision: 4 }),
    ];
    expect(violations(history).join()).toContain('whose condition was not met');
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

describe('of writes that look first, the oracle', () => {
  const absent = { ifAbsent: true };

  it.each<[string, Observation]>([
    ['met by nothing', then(2, { ...absent, previous: null }, { key: 'b' })],
    ['met by a revision', then(2, { ifRevision: 1, previous: at(1, 'v1') })],
    ['met, and nothing told', then(2, { ifRevision: 1 })],
    ['not met', then(1, { ...absent, compareFailed: true, previous: at(1, 'v1') })],
    [
      'not met, and no place told',
      then(0, { ifRevision: 9, compareFailed: true, previous: at(1) }),
    ],
    ['not met, and nothing told', then(0, { ifRevision: 9, compareFailed: true })],
    ['asked for by a put', then(2, { previous: at(1) })],
    ['asked for by a delete', then(2, { previous: at(1) }, { kind: 'delete', value: null })],
    [
      'of a delete of nothing, which takes no revision',
      then(1, { previous: null }, { kind: 'delete', value: null, key: 'b' }),
    ],
  ])('accepts a look that is %s', (_what, second) => {
    expect(violations([op({}), second])).toEqual([]);
  });

  it.each<[string, Observation, string]>([
    [
      'a put where something was that should not be',
      then(2, { ...absent, previous: at(1, 'v1') }),
      "condition 'absent' with 1 there, and compareFailed false",
    ],
    [
      'a put at a wrong revision',
      then(2, { ifRevision: 7, previous: at(1) }),
      "condition 'at 7' with 1 there",
    ],
    [
      'a refusal whose condition was met',
      then(1, { ifRevision: 1, compareFailed: true, previous: at(1) }),
      'and compareFailed true',
    ],
    [
      'a refusal without a condition',
      then(1, { compareFailed: true, previous: at(1) }),
      "condition 'at 0'",
    ],
    [
      'something found that was written later',
      then(2, { previous: at(5) }),
      'from the future of 1',
    ],
    ['nothing found where a write was acknowledged', then(2, { previous: null }), 'stale'],
    ['a condition met that a write contradicts', then(2, absent), 'lies between'],
    [
      'a put that says it found what is another key’s',
      then(2, { previous: at(1) }, { key: 'b' }),
      'which is a put of a',
    ],
    [
      'a value found at another revision than it was written at',
      then(4, { previous: at(3, 'v1') }),
      'its write was told 1',
    ],
    [
      'a value found that nobody wrote',
      then(2, { previous: at(1, 'phantom') }),
      'was never written there',
    ],
  ])('sees %s', (_what, second, complaint) => {
    expect(violations([op({}), second]).join()).toContain(complaint);
  });

  it('sees a refusal placed before what was acknowledged, or behind what came after it', () => {
    const refusal = { ifRevision: 9, compareFailed: true, previous: null };
    const two = [op({ key: 'b' }), op({ key: 'b', value: 'v3', revision: 2 })];
    expect(violations([...two, then(1, refusal)]).join()).toContain('was given after');
    const after = op({ key: 'c', value: 'v4', revision: 2, invokedMs: 4, returnedMs: 5 });
    expect(violations([op({ key: 'b' }), then(2, refusal), after]).join()).toContain(
      'was given after',
    );
    expect(violations([...two, then(2, refusal)])).toEqual([]);
  });

  it('sees a write between what was found and where it took effect', () => {
    const between = op({ value: 'v3', revision: 2, invokedMs: 0.5, returnedMs: 9 });
    const history = [op({}), between, then(3, { previous: at(1, 'v1') })];
    expect(violations(history).join()).toContain('put of revision 2 lies between');
  });

  it('accepts nothing found after a delete that may have happened, and not before it', () => {
    const nothing = then(3, { ...absent, previous: null });
    const remove = op({ kind: 'delete', value: null, revision: 0, status: 'unknown' });
    expect(violations([op({}), remove, nothing])).toEqual([]);
    const later = { ...remove, status: 'ok' as const, revision: 12, returnedMs: 20 };
    expect(violations([op({}), later, nothing]).join()).toContain('lies between');
  });
});
