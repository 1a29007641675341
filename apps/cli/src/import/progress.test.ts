import type { Io, Output } from '../io.js';
import { emptyTally } from './import-run.js';
import { progressLine, showProgress } from './progress.js';

/** Standard error that keeps what is written, and the clock. */
class Screen {
  written = '';
  nowMs = 0;
  tick: (() => void) | null = null;
  readonly io: Io;

  constructor(isTty: boolean, columns = 80, write?: Output['write']) {
    const stderr: Output = {
      ...{ isTty, columns, isGone: false },
      write:
        write ??
        (async (data) => {
          this.written += String(data);
        }),
    };
    this.io = {
      ...{ stdout: stderr, stderr, env: {}, signal: new AbortController().signal },
      nowMs: () => this.nowMs,
      every: (_, run) => {
        this.tick = run;
        return () => {
          this.tick = null;
        };
      },
      open: () => Promise.reject(new Error('nothing to open')),
    };
  }
}

describe('progressLine', () => {
  it('has a bar where the size is known', () => {
    const tally = { ...emptyTally(), acknowledged: 1_234, readBytes: 250 };
    expect(progressLine(tally, 1_000, 2_000)).toBe(
      '######.................. 25 %  1,234 keys, 617/s, 6 s left',
    );
    expect(progressLine({ ...tally, readBytes: 0 }, 1_000, 2_000)).toBe(
      '........................ 0 %  1,234 keys, 617/s',
    );
    expect(progressLine({ ...tally, readBytes: 2_000 }, 1_000, 0)).toMatch(/^#{24} 100 % /);
  });

  it('counts where it is not', () => {
    const tally = { ...emptyTally(), acknowledged: 1_234, readBytes: 250 };
    expect(progressLine(tally, undefined, 2_000)).toBe('1,234 keys, 617/s');
    expect(progressLine(tally, 0, 2_000)).toBe('1,234 keys, 617/s');
  });
});

describe('showProgress', () => {
  it('writes over one line of a terminal, and removes it', async () => {
    const screen = new Screen(true, 20);
    const tally = emptyTally();
    const end = showProgress(screen.io, tally, undefined);
    tally.acknowledged = 100;
    screen.nowMs = 1_000;
    screen.tick?.();
    tally.acknowledged = 1_000_000;
    screen.tick?.();
    await end();
    expect(screen.written).toBe('\r\x1b[K100 keys, 100/s\r\x1b[K1,000,000 keys, 1,…\r\x1b[K');
    expect(screen.tick).toBeNull();
  });

  it('shows nothing where there is no terminal, and nothing before its time', async () => {
    for (const screen of [new Screen(false), new Screen(true)]) {
      await showProgress(screen.io, emptyTally(), 100)();
      expect(screen.written).toBe('');
    }
    const pipe = new Screen(false);
    showProgress(pipe.io, emptyTally(), 100);
    expect(pipe.tick).toBeNull();
  });

  it('stops when it cannot be shown', async () => {
    const screen = new Screen(true, 80, () => Promise.reject(new Error('gone')));
    showProgress(screen.io, emptyTally(), undefined);
    screen.tick?.();
    await new Promise((resolve) => setImmediate(resolve));
    expect(screen.tick).toBeNull();
  });
});
