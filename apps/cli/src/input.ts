import { limits } from '@dougdb/rpc-proto';
import { UsageError } from './cli-errors.js';
import type { Io } from './io.js';

/** All of standard input. @param what - it is, for the message @throws UsageError: no cluster takes so much */
export async function readAll(io: Io, what: string): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  const { chunks } = await io.open('-');
  for await (const chunk of chunks) {
    parts.push(chunk);
    sizeBytes += chunk.length;
    // There may be no end to it.
    if (sizeBytes > limits.requestBytes) {
      throw new UsageError(`${what} of more than ${limits.requestBytes} bytes is too large`);
    }
  }
  return Buffer.concat(parts);
}
