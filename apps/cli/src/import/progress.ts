import { Writable } from 'node:stream';
import type { Io, Output } from '../io.js';
import type { ImportTally } from './import-run.js';

const intervalMs = 200;

/**
 * Shows how far an import is, on standard error: a line that is written over, on a terminal only. Nothing
 * before its time: an import that is done at once shows none.
 * @param sizeBytes - of the input; undefined: not known
 * @returns call it at the end: the line is removed
 */
export async function showProgress(
  io: Io,
  tally: ImportTally,
  sizeBytes: number | undefined,
): Promise<() => Promise<void>> {
  const { stderr } = io;
  if (!stderr.isTty) return () => Promise.resolve();
  const { default: progress } = await import('cli-progress');
  const stream = streamOf(stderr);
  const hasSize = sizeBytes !== undefined && sizeBytes > 0;
  // Signs and no colours: nothing for NO_COLOR to turn off.
  const bar = new progress.SingleBar({
    stream,
    format: hasSize
      ? '{bar} {percentage} %  {keys} keys, {rate}/s, {eta} s left'
      : '{keys} keys, {rate}/s',
    ...{ barsize: 24, barCompleteChar: '#', barIncompleteChar: '.' },
    fps: 1000 / intervalMs,
    // Until it is known, and when nothing moves, what the library has is no number.
    formatValue: (value, _, kind) =>
      kind === 'eta' && !Number.isInteger(value) ? '?' : String(value),
    // The line is cut to the terminal; turning wrapping off would outlive a process that is killed.
    linewrap: true,
    clearOnComplete: true,
  });
  const beganMs = io.nowMs();
  const stop = io.every(intervalMs, () => {
    const payload = payloadOf(tally, io.nowMs() - beganMs);
    if (bar.isActive) bar.update(tally.readBytes, payload);
    else bar.start(hasSize ? sizeBytes : 0, tally.readBytes, payload);
  });
  const end = (): void => {
    stop();
    bar.stop();
  };
  // What cannot be shown is not missed.
  stream.on('error', end);
  return async () => {
    end();
    if (!stream.destroyed) await new Promise<void>((resolve) => stream.end(() => resolve()));
  };
}

/** What the library writes is written where everything else is. */
function streamOf(output: Output): Writable {
  const stream = new Writable({
    write: (chunk: Uint8Array, _, done) => {
      output.write(chunk).then(() => done(), done);
    },
  });
  return Object.defineProperties(stream, {
    isTTY: { value: true },
    columns: { get: () => output.columns },
  });
}

function payloadOf({ acknowledged }: ImportTally, passedMs: number): Record<string, string> {
  const seconds = Math.max(0.001, passedMs / 1000);
  return { keys: count(acknowledged), rate: count(Math.round(acknowledged / seconds)) };
}

/** 171075 as '171,075'. */
export function count(value: number): string {
  return value.toLocaleString('en-US');
}
