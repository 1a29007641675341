import { JoinedWrites } from './joined-writes.js';

function setup() {
  const written: number[][] = [];
  const callbacks: (() => void)[] = [];
  const state: { taken: number; onTaken(): void } = { taken: 0, onTaken: () => undefined };
  const writes = new JoinedWrites(
    {
      write: (chunk, callback) => {
        written.push([...chunk.subarray(0, 8)]);
        callbacks.push(callback);
        return true;
      },
    },
    (messages) => Uint8Array.from(messages.map((message) => message[0] ?? 0)),
    () => {
      state.taken++;
      state.onTaken();
    },
  );
  return { written, state, writes, take: () => callbacks.shift()?.() };
}

const message = (value: number, sizeBytes = 1): Uint8Array => new Uint8Array(sizeBytes).fill(value);

describe('JoinedWrites', () => {
  it('writes the first at once, and what comes meanwhile together, in order', () => {
    const { written, state, writes, take } = setup();
    for (const value of [1, 2, 3, 4]) writes.write(message(value));
    expect([written, writes.queuedBytes]).toEqual([[[1]], 4]);
    take();
    expect([written, writes.queuedBytes, state.taken]).toEqual([[[1], [2, 3, 4]], 3, 1]);
    take();
    expect([writes.queuedBytes, state.taken, written.length]).toEqual([0, 2, 2]);
    writes.write(message(5));
    expect(written.at(-1)).toEqual([5]);
  });

  it('writes what is written by whoever hears that there is room', () => {
    const { written, state, writes, take } = setup();
    state.onTaken = () => {
      if (written.length === 1) for (const value of [2, 3]) writes.write(message(value));
    };
    writes.write(message(1));
    take();
    take();
    expect(written).toEqual([[1], [2], [3]]);
  });

  it('makes no message too large, unless a single one is', () => {
    const { written, writes, take } = setup();
    writes.write(message(1));
    for (const [value, kib] of [
      [2, 200],
      [3, 50],
      [4, 10],
      [5, 300],
      [6, 1],
    ] as const) {
      writes.write(message(value, kib * 1024));
    }
    for (let i = 0; i < 5; i++) take();
    expect(written.map((one) => one.slice(0, 3))).toEqual([
      [1],
      [2, 3],
      [4, 4, 4],
      [5, 5, 5],
      [6, 6, 6],
    ]);
    expect(writes.queuedBytes).toBe(0);
  });
});
