import fc from 'fast-check';
import { AnswerRing } from './answer-ring.js';

describe('AnswerRing', () => {
  it('behaves as a Map of ids that count up', () => {
    const step = fc.oneof(
      fc.constant({ kind: 'add' as const, pick: 0 }),
      fc.record({ kind: fc.constant('take' as const), pick: fc.nat(40) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 2000 }), (steps) => {
        const ring = new AnswerRing<string>();
        const model = new Map<number, string>();
        for (const { kind, pick } of steps) {
          if (kind === 'add') {
            const next = ring.nextId;
            expect(ring.add(`item ${next}`)).toBe(next);
            model.set(next, `item ${next}`);
          } else {
            const id = ring.nextId - pick;
            expect(ring.take(id)).toBe(model.get(id) ?? null);
            model.delete(id);
          }
          expect(ring.size).toBe(model.size);
        }
        expect(ring.items()).toEqual([...model.values()]);
      }),
    );
  });

  it('grows while an old id waits, and stops at its span', () => {
    const ring = new AnswerRing<number>(1024);
    ring.add(0);
    for (let i = 1; i < 1024; i++) expect(ring.take(ring.add(i))).toBe(i);
    expect(ring.hasRoom).toBe(false);
    expect(ring.size).toBe(1);
    expect(ring.take(1)).toBe(0);
    expect(ring.hasRoom).toBe(true);
    expect(ring.take(ring.add(7))).toBe(7);
  });

  it('answers null for ids that it never gave', () => {
    const ring = new AnswerRing<string>();
    ring.add('a');
    for (const id of [0, -1, 2, 257, 1e15]) expect(ring.take(id)).toBeNull();
    expect(ring.take(1)).toBe('a');
    expect(ring.take(1)).toBeNull();
  });
});
