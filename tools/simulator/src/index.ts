/**
 * The whole cluster in one thread on a virtual clock: shipped code, simulated machines.
 * @packageDocumentation
 */
export { SimCluster } from './cluster.js';
export type { Look, Observation, Previous } from './observation.js';
export { violations } from './oracle.js';
export { runScenario, type ScenarioOptions, type ScenarioResult } from './scenario.js';
export { runSwarm } from './swarm.js';
