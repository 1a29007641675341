/**
 * What the ports of this package report themselves; errors of the system (ENOENT ...) pass through.
 * 'ELOCKED': a living process holds the lock. 'PORTS_UNKNOWN_JOB': no job is registered under the
 * name. 'PORTS_WORKERS_CLOSED': the job was refused, or given up, because the workers were closed.
 * 'PORTS_WORKER_DIED': the thread ended while it ran the job.
 */
export type PortsErrorCode =
  | 'ELOCKED'
  | 'PORTS_UNKNOWN_JOB'
  | 'PORTS_WORKERS_CLOSED'
  | 'PORTS_WORKER_DIED';

/** Branch on `code`. */
export class PortsError extends Error {
  readonly code: PortsErrorCode;

  constructor(code: PortsErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'PortsError';
    this.code = code;
  }
}
