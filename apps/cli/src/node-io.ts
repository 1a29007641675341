import { open } from 'node:fs/promises';
import { addAbortSignal } from 'node:stream';
import { UsageError } from './cli-errors.js';
import type { Input, Io } from './io.js';
import { NodeOutput } from './node-output.js';

/** The {@link Io} of this process. @param signal - fires when the user wants it to end */
export function nodeIo(signal: AbortSignal): Io {
  return {
    stdout: new NodeOutput(process.stdout, signal),
    stderr: new NodeOutput(process.stderr, signal),
    env: process.env,
    signal,
    nowMs: () => performance.now(),
    every: (intervalMs, run) => {
      const timer = setInterval(run, intervalMs);
      return () => clearInterval(timer);
    },
    open: (path) =>
      path === '-' ? Promise.resolve(standardInput(signal)) : openFile(path, signal),
  };
}

function standardInput(signal: AbortSignal): Input {
  // Else a command that waits for somebody to type could not be interrupted.
  return { chunks: addAbortSignal(signal, process.stdin), sizeBytes: undefined };
}

async function openFile(path: string, signal: AbortSignal): Promise<Input> {
  try {
    const file = await open(path);
    const stat = await file.stat();
    if (stat.isDirectory()) {
      await file.close();
      throw new UsageError('it is a directory');
    }
    const chunks = file.createReadStream({ highWaterMark: 256 * 1024 });
    // A pipe with a name may have nothing to say for a long time.
    return {
      chunks: addAbortSignal(signal, chunks),
      sizeBytes: stat.isFile() ? stat.size : undefined,
    };
  } catch (error) {
    const message = (error as { message?: string }).message ?? String(error);
    throw new UsageError(`cannot read ${path}: ${message}`);
  }
}
