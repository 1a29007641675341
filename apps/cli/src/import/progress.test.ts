import type { Io, Output } from '../io.js';
import { emptyTally } from './import-run.js';
import { showProgress } from './progress.js';

/** Standard error that keeps what is written. */
class Screen {
  written = '';
  readonly io: Io;

  constructor(isTty: boolean, columns = 80, write?: Output['write']) {
    const stderr: Output = {
      ...{ isTty, columns, isGone: false },
      write:
        write ??
        (async (data) => {
          this.written += Buffer.from(data as Uint8Array).toString();
        }),
    };
    this.io = {
      ...{ stdout: stderr, stderr, env: {}, signal: new AbortController().signal },
      nowMs: () => Date.now(),
      every: (intervalMs, run) => {
        const timer = setInterval(run, intervalMs);
        return () => clearInterval(timer);
      },
      open: () => Promise.reject(new Error('nothing to open')),
    };
  }

  /** What was shown, one after the other, without what moves the cursor. */
  get lines(): string[] {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: a terminal is controlled by them
    return this.written.split(/(?:\x1b(?:[78]|\[\d*[A-Z]))+/).filter((line) => line !== '');
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate'] });
});

afterEach(() => {
  // No timer outlives a test.
  expect(jest.getTimerCount()).toBe(0);
  jest.useRealTimers();
});

describe('showProgress', () => {
  it('has a bar and the time that is left where the size is known', async () => {
    const screen = new Screen(true);
    const tally = emptyTally();
    const end = await showProgress(screen.io, tally, 1_000);
    jest.advanceTimersByTime(200);
    Object.assign(tally, { acknowledged: 1_234, readBytes: 250 });
    jest.advanceTimersByTime(1_800);
    Object.assign(tally, { acknowledged: 5_000, readBytes: 2_000 });
    await end();
    expect(screen.lines[0]).toBe('........................ 0 %  0 keys, 0/s, ? s left');
    expect(screen.lines).toContainEqual(
      expect.stringMatching(/^#{6}\.{18} 25 % {2}1,234 keys, 617\/s, \d+ s left$/),
    );
  });

  it('counts where it is not', async () => {
    for (const sizeBytes of [undefined, 0]) {
      const screen = new Screen(true);
      const tally = { ...emptyTally(), acknowledged: 1_234, readBytes: 250 };
      const end = await showProgress(screen.io, tally, sizeBytes);
      jest.advanceTimersByTime(200);
      await end();
      expect(screen.lines).toEqual(['1,234 keys, 6,170/s']);
    }
  });

  it('writes over one line, cut to the terminal, and removes it', async () => {
    const screen = new Screen(true, 20);
    const end = await showProgress(screen.io, { ...emptyTally(), acknowledged: 1e6 }, undefined);
    jest.advanceTimersByTime(1_000);
    await end();
    for (const line of screen.lines) expect(line).toMatch(/^1,000,000 keys, .{4}$/);
    expect(screen.lines.length).toBeGreaterThan(1);
    expect(screen.written).not.toContain('\n');
    // To the begin of the line, and the line is cleared.
    expect(screen.written.endsWith('\x1b[1G\x1b[2K')).toBe(true);
    // What is set and not reset when the process is killed: wrapping, the cursor.
    expect(screen.written).not.toMatch(/\[\?/);
  });

  it('shows nothing where there is no terminal, and nothing before its time', async () => {
    for (const screen of [new Screen(false), new Screen(true)]) {
      const end = await showProgress(screen.io, emptyTally(), 100);
      jest.advanceTimersByTime(screen.io.stderr.isTty ? 199 : 10_000);
      await end();
      expect(screen.written).toBe('');
    }
  });

  it('stops when it cannot be shown', async () => {
    let writes = 0;
    const screen = new Screen(true, 80, () => {
      writes++;
      return Promise.reject(new Error('gone'));
    });
    const end = await showProgress(screen.io, emptyTally(), undefined);
    jest.advanceTimersByTime(200);
    await settled();
    expect(jest.getTimerCount()).toBe(0);
    await end();
    expect(writes).toBe(1);
  });

  it('waits at its end until all of it is written', async () => {
    const waiting: (() => void)[] = [];
    const screen = new Screen(true, 80, () => new Promise((resolve) => waiting.push(resolve)));
    const end = await showProgress(screen.io, emptyTally(), undefined);
    jest.advanceTimersByTime(200);
    let hasEnded = false;
    const ended = end().then(() => {
      hasEnded = true;
    });
    await settled();
    expect([hasEnded, waiting.length]).toEqual([false, 1]);
    while (!hasEnded) {
      waiting.shift()?.();
      await settled();
    }
    await ended;
  });
});
