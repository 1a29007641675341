import { open } from 'node:fs/promises';
import { addAbortSignal } from 'node:stream';
import type { Input, Io, Output } from './io.js';
import { UsageError } from './usage-error.js';

/** The {@link Io} of this process. @param signal - fires when the user wants it to end */
export function nodeIo(signal: AbortSignal): Io {
  return {
    stdout: outputOf(process.stdout),
    stderr: outputOf(process.stderr),
    env: process.env,
    signal,
    nowMs: () => performance.now(),
    every: (intervalMs, run) => {
      const timer = setInterval(run, intervalMs);
      return () => clearInterval(timer);
    },
    open: (path) => (path === '-' ? Promise.resolve(standardInput(signal)) : openFile(path)),
  };
}

function outputOf(stream: NodeJS.WriteStream): Output {
  return {
    isTty: stream.isTTY === true,
    columns: stream.columns || 80,
    write: (data) =>
      new Promise((resolve) => {
        if (stream.write(data)) resolve();
        else stream.once('drain', resolve);
      }),
  };
}

function standardInput(signal: AbortSignal): Input {
  // Else a command that waits for somebody to type could not be interrupted.
  return { chunks: addAbortSignal(signal, process.stdin), sizeBytes: undefined };
}

async function openFile(path: string): Promise<Input> {
  try {
    const file = await open(path);
    const stat = await file.stat();
    if (stat.isDirectory()) throw new UsageError(`${path} is a directory`);
    const sizeBytes = stat.isFile() ? stat.size : undefined;
    return { chunks: file.createReadStream({ highWaterMark: 256 * 1024 }), sizeBytes };
  } catch (error) {
    const message = (error as { message?: string }).message ?? String(error);
    throw new UsageError(`cannot read ${path}: ${message}`);
  }
}
