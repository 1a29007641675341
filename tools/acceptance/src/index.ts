/**
 * The built binaries on real disks: clusters of processes for acceptance tests.
 * @packageDocumentation
 */
export { BUF, DOUG, DOUG_FACADE, DOUG_NODE } from './bins.js';
export { DevCluster, type DevMember } from './dev-cluster.js';
export { PLACES, writePlaces } from './places.js';
export {
  FIRST_DATA_PARTITION,
  ProcessCluster,
  type ProcessClusterOptions,
  type ProcessMember,
} from './process-cluster.js';
export { freePorts, type Program } from './program.js';
export { errorOf, newOpId, type PutFields, putRequest, rawCall, rawPut } from './raw-call.js';
export { openRawWatch, type RawWatch, type WatchEnd } from './raw-watch.js';
export { runToEnd } from './run-to-end.js';
export { until } from './until.js';
