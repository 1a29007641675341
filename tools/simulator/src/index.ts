/**
 * The whole cluster in one thread on a virtual clock: shipped code, simulated machines.
 * @packageDocumentation
 */
export { SimCluster } from './cluster.js';
export type { Look, Observation, Previous } from './observation.js';
export { violations } from './oracle.js';
export { drawPlan } from './plan/draw-plan.js';
export { namedWorkload, type Plan, plainPlan } from './plan/plan.js';
export { profileNames } from './plan/profiles.js';
export { RunFailure, type RunOptions, type RunResult, runPlan } from './run.js';
export { shrink } from './shrink.js';
export { type SweepOptions, type SweepResult, sweep, tellSweep } from './sweep.js';
