/**
 * What command line tools need: reading a WAL that nobody has open. Pure over the FileSystem port.
 * @packageDocumentation
 */
export { dumpWal } from '../inspect/dump-wal.js';
export { type VerifyReport, verifyWal } from '../inspect/verify-wal.js';
