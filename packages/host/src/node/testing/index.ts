/**
 * What tests of processes need: programs as a user starts them, directories, a gRPC client without any
 * cleverness. For the tests of this repository.
 * @packageDocumentation
 */
export { type Exit, killLeftovers, Program } from './program.js';
export { errorOf, RawClient } from './raw-client.js';
export { removeTempDirs, tempDir } from './temp-dirs.js';
export { until } from './until.js';
