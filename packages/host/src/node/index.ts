/**
 * The parts of a DougDB process that touch the outside world: its logs, metrics, HTTP probes, the gRPC
 * services that every server has, its life between the first line and the exit code.
 * @packageDocumentation
 */
export { type AdminOptions, AdminServer } from './admin-server.js';
export { readConfigFile } from './config-file.js';
export { checkFree, freePorts } from './free-ports.js';
export { Health } from './grpc/health.js';
export { listenAt, shutDown } from './grpc/listening.js';
export { reportFailure } from './process/report-failure.js';
export { type ProcessOptions, type Runnable, runProcess } from './process/run-process.js';
export { addReflection } from './reflection/reflection.js';
export { EventLoopLag } from './telemetry/event-loop-lag.js';
export { stderrLogger } from './telemetry/pino-logger.js';
export { processMetrics } from './telemetry/process-metrics.js';
export { PromMetrics } from './telemetry/prom-metrics.js';
