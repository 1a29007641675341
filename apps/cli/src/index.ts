/**
 * The `doug` command as a function: command line in, exit code out. The command itself is `doug` (bin).
 *
 * @example
 * ```ts
 * import { nodeIo, run } from '@dougdb/cli';
 * const exitCode = await run(['get', 'user/1'], nodeIo(signal), connect);
 * ```
 * @packageDocumentation
 */
export type { Connect, Context, Db, WriteAnswer, WriteOptions } from './context.js';
export type { Globals, OutputFormat } from './globals.js';
export type { Input, Io, Output } from './io.js';
export { nodeIo } from './node-io.js';
export { run } from './run.js';
