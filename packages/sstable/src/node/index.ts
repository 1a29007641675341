/**
 * Inspection of databases and tables, for command line tools: everything works over a FileSystem port
 * and changes nothing. {@link TableWorkers} are the threads for flushes and compactions.
 * @packageDocumentation
 */
export {
  type DumpedEntry,
  type DumpedManifest,
  type DumpedTable,
  dumpManifest,
  dumpTable,
} from '../inspect/dump.js';
export { type VerifyReport, verifyDb } from '../inspect/verify-db.js';
export { type LevelDbVerifyReport, verifyLevelDb } from '../inspect/verify-leveldb.js';
export type { NewFile, VersionEdit } from '../manifest/version-edit.js';
export type { TableProperties } from '../table/properties.js';
export type { TableMeta } from '../table/table-meta.js';
export { TableWorkers, type TableWorkersOptions } from './table-workers.js';
