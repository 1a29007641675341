import type { Io } from '../io.js';
import { cut } from '../output/display-width.js';
import type { ImportTally } from './import-run.js';

const intervalMs = 200;
const barColumns = 24;
const clearLine = '\r\x1b[K';

/**
 * Shows how far an import is, on standard error: a line that is written over, on a terminal only.
 * @param sizeBytes - of the input; undefined: not known
 * @returns call it at the end: the line is removed
 */
export function showProgress(
  io: Io,
  tally: ImportTally,
  sizeBytes: number | undefined,
): () => Promise<void> {
  const { stderr } = io;
  if (!stderr.isTty) return () => Promise.resolve();
  const beganMs = io.nowMs();
  let isShown = false;
  const stop = io.every(intervalMs, () => {
    const line = progressLine(tally, sizeBytes, io.nowMs() - beganMs);
    isShown = true;
    // What cannot be shown is not missed.
    stderr.write(`${clearLine}${cut(line, stderr.columns - 1)}`).catch(stop);
  });
  return async () => {
    stop();
    if (isShown) await stderr.write(clearLine);
  };
}

/** A bar where the size is known, signs and no colours: nothing for NO_COLOR to turn off. */
export function progressLine(
  tally: ImportTally,
  sizeBytes: number | undefined,
  passedMs: number,
): string {
  const { acknowledged, readBytes } = tally;
  const seconds = Math.max(0.001, passedMs / 1000);
  const keys = `${count(acknowledged)} keys, ${count(Math.round(acknowledged / seconds))}/s`;
  if (sizeBytes === undefined || sizeBytes === 0) return keys;
  const share = Math.min(1, readBytes / sizeBytes);
  const bar = '#'.repeat(Math.round(share * barColumns)).padEnd(barColumns, '.');
  const left = share === 0 ? '' : `, ${Math.round((seconds * (1 - share)) / share)} s left`;
  return `${bar} ${Math.round(share * 100)} %  ${keys}${left}`;
}

/** 171075 as '171,075'. */
export function count(value: number): string {
  return value.toLocaleString('en-US');
}
