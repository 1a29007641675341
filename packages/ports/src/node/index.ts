/**
 * The real outside world: {@link NodeFs}, {@link NodeClock}, {@link NodeRandom},
 * {@link NodeWorkers}. Loggers and metrics are the application's.
 * @packageDocumentation
 */
export { drainLoop, NodeClock } from './node-clock.js';
export { NodeFs } from './node-fs.js';
export { NodeRandom } from './node-random.js';
export { NodeWorkers, type NodeWorkersOptions } from './node-workers.js';
