/**
 * Runs a DougDB member: gRPC and HTTP ports, signals, configuration around `@dougdb/member`. The
 * command is `doug-node`; {@link startNode} does the same inside another program.
 * @packageDocumentation
 */
export { UsageError } from '@dougdb/host';
export { resolveConfig } from './config/resolve.js';
export type { NodeConfig, NodeSetting } from './config/schema.js';
export { RunningNode } from './running-node.js';
export { type StartNodeOptions, startNode } from './start-node.js';
