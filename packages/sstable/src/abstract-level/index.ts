/**
 * An `abstract-level` database in pure TypeScript: {@link SstLevel}, with the features of classic-level. It
 * needs `abstract-level`, which is an optional peer dependency of this package.
 * The README has an example that the tests run.
 * @packageDocumentation
 */
export { LevelError } from './level-error.js';
export { LevelIterator } from './level-iterator.js';
export type {
  AdditionalWriteOptions,
  BatchOptions,
  DatabaseOptions,
  DelOptions,
  LevelPorts,
  OpenOptions,
  PutOptions,
  StartEndOptions,
} from './level-options.js';
export { SstLevel } from './sst-level.js';
