/**
 * The built binaries on real disks: clusters of processes for acceptance tests.
 * @packageDocumentation
 */
export { DevCluster, type DevMember } from './dev-cluster.js';
export { FIRST_DATA_PARTITION, ProcessCluster, type ProcessMember } from './process-cluster.js';
export { errorOf, newOpId, type PutFields, putRequest, rawCall, rawPut } from './raw-call.js';
export { runToEnd } from './run-to-end.js';
