import { log } from '../../test/harness/host.js';
import { entrySizeBytes } from '../entry.js';
import { ApplyCursor } from './apply-cursor.js';

describe('ApplyCursor', () => {
  it('gives room back entry by entry', () => {
    const cursor = new ApplyCursor(4, 1000);
    const first = log([1, 1, 1], 5);
    const second = log([1], 8);
    cursor.handOut(first);
    cursor.handOut(second);
    const used = [...first, ...second].reduce((sum, e) => sum + entrySizeBytes(e), 0);
    expect([cursor.handed, cursor.applied, cursor.roomBytes]).toEqual([8, 4, 1000 - used]);
    cursor.appliedTo(6);
    expect(cursor.roomBytes).toBe(
      1000 - used + entrySizeBytes(first[0]!) + entrySizeBytes(first[1]!),
    );
    cursor.appliedTo(8);
    expect([cursor.applied, cursor.roomBytes]).toEqual([8, 1000]);
  });

  it('keeps INVARIANT(applied-in-order): refuses what was not handed out or is applied already', () => {
    const cursor = new ApplyCursor(4, 1000);
    cursor.handOut(log([1, 1], 5));
    cursor.appliedTo(5);
    cursor.appliedTo(5);
    for (const index of [4, 7, Number.NaN]) {
      expect(() => cursor.appliedTo(index)).toThrow(/^applied-in-order/);
    }
  });
});
