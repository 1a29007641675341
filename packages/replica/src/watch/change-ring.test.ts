import { ReplicaErrorCode } from '../replica-error.js';
import { ChangeRing } from './change-ring.js';
import { EventPlace } from './event-place.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (value: Uint8Array): string => new TextDecoder().decode(value);

/** 'key@revision' of what stands under each ordinal. */
function contents(ring: ChangeRing): string[] {
  const place = new EventPlace();
  const list: string[] = [];
  for (let ordinal = ring.firstOrdinal; ordinal < ring.endOrdinal; ordinal++) {
    ring.read(ordinal, place);
    const { chunk, index } = place;
    if (chunk !== null) list.push(`${text(chunk.key(index))}@${chunk.revision(index)}`);
  }
  return list;
}

function ringOf(capacityBytes: number, revision = 0): ChangeRing {
  const ring = new ChangeRing(capacityBytes);
  ring.start(revision);
  return ring;
}

describe('a ring of changes', () => {
  it('holds what it heard, and finds what lies behind a position', () => {
    const ring = ringOf(1 << 20, 4);
    ring.put(5, bytes('a'), bytes('1'), 0);
    ring.put(6, bytes('a'), bytes('2'), 0);
    ring.delete(6, bytes('c'));
    ring.put(9, bytes('b'), bytes('3'), 77);
    expect(contents(ring)).toEqual(['a@5', 'a@6', 'c@6', 'b@9']);
    const behind = (revision: number, lastKey = ''): number =>
      ring.behind({ revision, lastKey: bytes(lastKey) }) - ring.firstOrdinal;
    expect([behind(4), behind(5), behind(5, 'a'), behind(5, 'b'), behind(5, 'c')]).toEqual([
      0, 1, 2, 2, 3,
    ]);
    expect([behind(6), behind(7), behind(8, 'a'), behind(8, 'b'), behind(9)]).toEqual([
      3, 3, 3, 4, 4,
    ]);
  });

  it('forgets the oldest when it is full, and says above which revision it holds all', () => {
    const ring = ringOf(4_000);
    const held: string[] = [];
    for (let revision = 1; revision <= 300; revision++) {
      for (const key of ['a', 'b', 'c']) {
        ring.put(revision, bytes(key), new Uint8Array(revision % 7 === 0 ? 900 : 20), 0);
        held.push(`${key}@${revision}`);
      }
      expect(ring.memoryBytes).toBeLessThan(5_200);
      const here = contents(ring);
      expect(here).toEqual(held.slice(held.length - here.length));
      const whole = held.filter((one) => Number(one.split('@')[1]) > ring.afterRevision);
      expect(here.slice(here.length - whole.length)).toEqual(whole);
    }
    expect(ring.afterRevision).toBeGreaterThan(280);
  });

  it('INVARIANT(watch-order): refuses what is out of order', () => {
    const refused = (...changes: (readonly [number, string])[]): unknown => {
      const ring = ringOf(1000, 5);
      try {
        for (const [revision, key] of changes) ring.delete(revision, bytes(key));
        return null;
      } catch (error) {
        return (error as { code: unknown }).code;
      }
    };
    expect(refused([6, 'a'], [6, 'b'], [8, 'a'])).toBeNull();
    expect(refused([5, 'a'])).toBe(ReplicaErrorCode.Invariant);
    expect(refused([6, 'b'], [6, 'b'])).toBe(ReplicaErrorCode.Invariant);
    expect(refused([6, 'b'], [6, 'a'])).toBe(ReplicaErrorCode.Invariant);
    expect(refused([7, 'b'], [6, 'c'])).toBe(ReplicaErrorCode.Invariant);
  });

  it('begins empty each time, and gives no ordinal twice', () => {
    const ring = ringOf(1000);
    ring.delete(1, bytes('a'));
    const { endOrdinal } = ring;
    ring.stop();
    expect([ring.isOn, ring.memoryBytes, ring.firstOrdinal]).toEqual([false, 0, endOrdinal]);
    ring.start(7);
    ring.delete(8, bytes('b'));
    expect([contents(ring), ring.afterRevision, ring.endOrdinal]).toEqual([
      ['b@8'],
      7,
      endOrdinal + 1,
    ]);
  });
});
