import type { Random } from '@dougdb/ports';
import { backoffMs } from './backoff.js';

const always = (value: number): Random => ({ next: () => value, bytes: (n) => new Uint8Array(n) });
const options = { baseMs: 10, maxMs: 500 };

describe('backoffMs', () => {
  it('doubles its bound with each failure up to the maximum', () => {
    const bounds = [1, 2, 3, 4, 7, 60].map((failures) => backoffMs(failures, always(1), options));
    expect(bounds).toEqual([10, 20, 40, 80, 500, 500]);
  });

  it('takes any pause below the bound', () => {
    expect(backoffMs(3, always(0), options)).toBe(0);
    expect(backoffMs(3, always(0.5), options)).toBe(20);
  });

  it('waits at least as long as the server asked for', () => {
    expect(backoffMs(1, always(0), options, 70)).toBe(70);
    expect(backoffMs(1, always(1), options, 70)).toBe(80);
  });
});
