import type { LogFields, Logger } from '@dougdb/ports';
import { destination, type Logger as Pino, pino } from 'pino';

/** One JSON object a line on stderr: `event` is the stable name, the rest are its fields. */
export function stderrLogger(level: string, name: string): Logger {
  // Synchronous: the last lines before an exit are the ones that matter.
  const stderr = destination({ fd: 2, sync: true });
  return new PinoLogger(
    pino({ level, base: { name, pid: process.pid }, messageKey: 'event' }, stderr),
  );
}

class PinoLogger implements Logger {
  readonly #pino: Pino;

  constructor(logger: Pino) {
    this.#pino = logger;
  }

  debug(event: string, fields: LogFields = {}): void {
    this.#pino.debug(fields, event);
  }

  info(event: string, fields: LogFields = {}): void {
    this.#pino.info(fields, event);
  }

  warn(event: string, fields: LogFields = {}): void {
    this.#pino.warn(fields, event);
  }

  error(event: string, fields: LogFields = {}): void {
    this.#pino.error(fields, event);
  }

  child(fields: LogFields): Logger {
    return new PinoLogger(this.#pino.child(fields));
  }
}
