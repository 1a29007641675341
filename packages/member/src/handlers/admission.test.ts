import { limits } from '@dougdb/rpc-proto';
import { Admission } from './admission.js';

describe('admission', () => {
  it('has a cap in count', () => {
    const admission = new Admission({ ...limits, admittedOps: 2 });
    expect([admission.tryEnter(1), admission.tryEnter(1), admission.tryEnter(1)]).toEqual([
      true,
      true,
      false,
    ]);
    expect(() => admission.enter(1)).toThrow(
      expect.objectContaining({ code: 'DOUG_BUSY', outcome: 'NOT_APPLIED' }),
    );
    admission.leave(1);
    admission.enter(1);
    expect(admission.ops).toBe(2);
  });

  it('has a cap in bytes, which one op alone never meets', () => {
    const admission = new Admission({ ...limits, admittedBytes: 100 });
    expect(admission.tryEnter(1000)).toBe(true);
    expect(admission.tryEnter(1)).toBe(false);
    admission.leave(1000);
    expect(admission.tryEnter(60)).toBe(true);
    expect(admission.tryEnter(41)).toBe(false);
    expect(admission.tryEnter(40)).toBe(true);
    expect(admission.sizeBytes).toBe(100);
  });
});
