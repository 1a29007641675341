const LOG = /^(\d{6,15})\.log$/;

/** Name of a log file: `000012.log`, by a counter of its own. */
export function logName(number: number): string {
  return `${String(number).padStart(6, '0')}.log`;
}

/** null for a name that is no log's. */
export function parseLogName(name: string): number | null {
  const match = LOG.exec(name);
  return match === null ? null : Number(match[1]);
}
