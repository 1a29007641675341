import { HistorySamples } from './history-samples.js';

const at = (logTime: number, revision: number) => ({ logTime, revision });

describe('samples of a history of 1,000 steps', () => {
  it('tell the revision that was newest a history ago', () => {
    const samples = new HistorySamples(1000);
    for (let t = 0; t <= 3000; t += 10) samples.note(t, t / 10);
    const now = at(3000, 300);
    expect(samples.floorAt(3000, now)).toBe(200);
    expect(samples.floorAt(3009, now)).toBe(200);
    expect(samples.floorAt(3010, now)).toBe(201);
    expect(samples.count).toBeLessThanOrEqual(102);
  });

  it('say nothing of what is younger than a history', () => {
    const samples = new HistorySamples(1000);
    samples.note(500, 7);
    samples.note(800, 9);
    expect(samples.floorAt(1499, at(800, 9))).toBe(0);
    expect(samples.floorAt(1500, at(800, 9))).toBe(7);
  });

  it('need no entry to know that all is old', () => {
    const samples = new HistorySamples(1000);
    samples.note(500, 7);
    samples.note(505, 9); // too soon for a sample of its own
    expect(samples.floorAt(1504, at(505, 9))).toBe(7);
    expect(samples.floorAt(1505, at(505, 9))).toBe(9);
  });

  it('never name a revision that was newest within the history, however entries come', () => {
    for (const step of [1, 3, 7, 40, 333, 999, 2500]) {
      const samples = new HistorySamples(1000);
      const all: { logTime: number; revision: number }[] = [];
      for (let i = 0; i < 300; i++) {
        const state = at(i * step + (i % 3), i);
        samples.note(state.logTime, state.revision);
        all.push(state);
        const floor = samples.floorAt(state.logTime, state);
        const newest = all.filter(({ logTime }) => logTime <= state.logTime - 1000).at(-1);
        expect(floor).toBeLessThanOrEqual(newest?.revision ?? 0);
        // Late by a hundredth of a history and one entry at most.
        const sure = all.filter(({ logTime }) => logTime <= state.logTime - 1010).at(-1);
        expect(floor).toBeGreaterThanOrEqual((sure?.revision ?? 1) - 1);
      }
      expect(samples.count).toBeLessThanOrEqual(256);
    }
  });

  it('of no history name what is newest', () => {
    const samples = new HistorySamples(0);
    samples.note(5, 1);
    expect(samples.floorAt(5, at(5, 3))).toBe(3);
  });
});
