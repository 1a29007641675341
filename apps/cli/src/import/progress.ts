import type { SingleBar } from 'cli-progress';
import type { Io } from '../io.js';
import type { ImportTally } from './import-run.js';

/** Shows how far an import is. */
export interface Progress {
  stop(): void;
}

const barIntervalMs = 200;
const lineIntervalMs = 2_000;

/**
 * A bar on a terminal, a line now and then elsewhere; both on standard error.
 * @param sizeBytes - of the input; undefined: not known
 */
export async function showProgress(
  io: Io,
  tally: ImportTally,
  sizeBytes: number | undefined,
): Promise<Progress> {
  const beganMs = io.nowMs();
  const rate = (): string => {
    const seconds = Math.max(0.001, (io.nowMs() - beganMs) / 1000);
    return count(Math.round(tally.acknowledged / seconds));
  };
  if (!io.stderr.isTty) {
    const stop = io.every(lineIntervalMs, () => {
      void io.stderr.write(`${count(tally.acknowledged)} keys, ${rate()}/s\n`);
    });
    return { stop };
  }
  const bar = await makeBar(io, sizeBytes);
  bar.start(sizeBytes ?? 0, 0, { keys: '0', rate: '0' });
  const update = (): void => {
    bar.update(tally.readBytes, { keys: count(tally.acknowledged), rate: rate() });
  };
  const stop = io.every(barIntervalMs, update);
  return {
    stop: () => {
      stop();
      update();
      bar.stop();
    },
  };
}

async function makeBar(io: Io, sizeBytes: number | undefined): Promise<SingleBar> {
  const { default: progress } = await import('cli-progress');
  const format =
    sizeBytes === undefined
      ? '{keys} keys, {rate}/s'
      : '{bar} {percentage}% | {keys} keys, {rate}/s | {eta_formatted} left';
  const stream = process.stderr;
  return new progress.SingleBar({
    format,
    stream,
    hideCursor: true,
    clearOnComplete: true,
    // Signs, no colours: nothing for NO_COLOR to turn off.
    barCompleteChar: '#',
    barIncompleteChar: '.',
    barsize: Math.max(10, Math.min(40, io.stderr.columns - 50)),
  });
}

/** 171075 as '171,075'. */
export function count(value: number): string {
  return value.toLocaleString('en-US');
}
