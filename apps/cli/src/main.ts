import type { Connect } from './context.js';
import { nodeIo } from './node-io.js';
import { run } from './run.js';

/** Connects for real. Loaded when it is needed: gRPC costs more time than everything else here. */
const connect: Connect = async ({ endpoints, timeoutMs }, signal) => {
  const { DougClient } = await import('@dougdb/client');
  return DougClient.connect(endpoints, { codec: 'bytes', timeoutMs, signal });
};

/**
 * The `doug` command. Sets `process.exitCode`; the process ends when nothing is left to do. A second
 * Ctrl-C ends it at once.
 * @param args - without node and script
 */
export async function main(args: readonly string[]): Promise<void> {
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort());
  process.exitCode = await run(args, nodeIo(stop.signal), connect);
  // What a slow reader has not taken yet, an interrupted command does not wait for.
  if (stop.signal.aborted) process.exit();
}
