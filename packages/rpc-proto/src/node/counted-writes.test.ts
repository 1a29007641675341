import { CountedWrites } from './counted-writes.js';

describe('CountedWrites', () => {
  it('counts what the connection has not taken yet', () => {
    const callbacks: (() => void)[] = [];
    let taken = 0;
    const writes = new CountedWrites(
      {
        write: (_chunk, callback) => {
          callbacks.push(callback);
          return false;
        },
      },
      () => {
        taken++;
      },
    );
    writes.write(new Uint8Array(10));
    writes.write(new Uint8Array(5));
    expect(writes.queuedBytes).toBe(15);
    callbacks[0]?.();
    expect([writes.queuedBytes, taken]).toEqual([5, 1]);
    callbacks[1]?.();
    expect([writes.queuedBytes, taken]).toEqual([0, 2]);
  });
});
