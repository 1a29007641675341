import type { LogFields, Logger } from '../logger.js';

/** A line that was logged. */
export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly event: string;
  /** The fields of the logger and of the call, undefined ones left out. */
  readonly fields: LogFields;
}

/** A {@link Logger} that keeps its lines, and those of its children, for a test to look at. */
export interface RecordingLogger extends Logger {
  /** All lines of the family, oldest first. */
  readonly lines: readonly LogLine[];
  /** The lines of one event. */
  of(event: string): readonly LogLine[];
}

export function recordingLogger(): RecordingLogger {
  const lines: LogLine[] = [];
  return { ...loggerInto(lines, {}), lines, of: (event) => lines.filter((l) => l.event === event) };
}

function loggerInto(lines: LogLine[], inherited: LogFields): Logger {
  const at =
    (level: LogLine['level']) =>
    (event: string, fields: LogFields = {}): void => {
      const all = Object.entries({ ...inherited, ...fields });
      const given = Object.fromEntries(all.filter(([, value]) => value !== undefined));
      lines.push({ level, event, fields: given });
    };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => loggerInto(lines, { ...inherited, ...fields }),
  };
}
