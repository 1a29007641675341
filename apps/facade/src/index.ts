/**
 * Runs a DougDB facade: gRPC and HTTP ports, signals, configuration around `@dougdb/facade`. The command
 * is `doug-facade`; {@link startFacade} does the same inside another program.
 * @packageDocumentation
 */
export { UsageError } from '@dougdb/host';
export { runFacade } from './cli/start-command.js';
export { resolveConfig } from './config/resolve.js';
export { type FacadeConfig, facadeSchema } from './config/schema.js';
export { RunningFacade, type RunningFacadeOptions } from './running-facade.js';
export { type StartFacadeOptions, startFacade } from './start-facade.js';
