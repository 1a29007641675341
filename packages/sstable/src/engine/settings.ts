import { type Logger, silentLogger } from '@dougdb/ports';
import { type DbOptions, type KeyBounds, SstError, SstErrorCode } from '../contract.js';
import { messageOf } from '../encoding/error-code.js';
import type { DbEvents } from '../events.js';
import { MemtableBudget } from '../memtable-budget.js';
import type { OpenFiles } from '../open-files.js';
import { copyBounds } from '../read/bounds.js';
import { JobScheduler } from '../scheduling/job-scheduler.js';
import type { Scrubber } from '../scrubber.js';
import type { CompressionName } from '../table/compression.js';
import { DEFAULT_INDEX_BYTES } from '../table/table-meta.js';
import { createTelemetry, LogEvent, type Telemetry } from '../telemetry.js';

/** Level 0 with so many tables holds reads up: writes should slow down. */
export const SLOW_LEVEL0_TABLES = 8;

/** Level 0 with so many tables is so far behind that growth should be refused. */
export const STALL_LEVEL0_TABLES = 12;

/** More frozen memtables than this, too. */
export const STALL_MEMTABLES = 4;
/** More freezes of any kind that wait than this: each one holds a state record of the host. */
export const STALL_FREEZES = 16;

/** A host state of more bytes is refused: it has to fit into one record of the manifest, beside the tables. */
export const MAX_HOST_STATE_BYTES = 16 * 1024 * 1024;

/** Pause before a failed flush or compaction is tried again. */
export const RETRY_DELAY_MS = 500;

/** Failures in a row, space apart, that stop a database. */
export const MAX_FAILURES = 3;

/** Tables of levels above this one are rewritten too often to be worth compressing. */
export const FIRST_COMPRESSED_LEVEL = 2;

const COMPRESSIONS: ReadonlySet<CompressionName> = new Set(['none', 'deflate-raw']);

/** Options of a database with the defaults filled in. */
export interface Settings
  extends Required<
    Omit<
      DbOptions,
      'logger' | 'metrics' | 'identity' | 'openFiles' | 'scrubber' | 'bounds' | CallbackName
    >
  > {
  readonly identity: Uint8Array;
  /** null: as the manifest says. */
  readonly bounds: KeyBounds | null;
  /** null: each table keeps its file open. */
  readonly openFiles: OpenFiles | null;
  readonly scrubber: Scrubber | null;
  readonly logger: Logger;
  readonly telemetry: Telemetry;
  readonly onInstalled: NonNullable<DbOptions['onInstalled']>;
  readonly onBackgroundError: NonNullable<DbOptions['onBackgroundError']>;
  readonly onCorruption: NonNullable<DbOptions['onCorruption']>;
  readonly events: DbEvents;
}

type CallbackName = 'onInstalled' | 'onBackgroundError' | 'onCorruption' | 'events';

/** @throws SstError SST_USAGE for a size that is not above 0 */
export function resolveSettings(options: DbOptions): Settings {
  const settings: Settings = {
    fs: options.fs,
    clock: options.clock,
    random: options.random,
    dir: options.dir,
    quarantineDir: options.quarantineDir,
    identity: options.identity.slice(),
    cache: options.cache,
    readOnly: options.readOnly ?? false,
    bounds: options.bounds === undefined ? null : copyBounds(options.bounds),
    memtableBytes: options.memtableBytes ?? 16 * 1024 * 1024,
    budget: options.budget ?? new MemtableBudget(Number.POSITIVE_INFINITY),
    scheduler: options.scheduler ?? new JobScheduler(),
    openFiles: options.openFiles ?? null,
    scrubber: options.scrubber ?? null,
    blockBytes: options.blockBytes ?? 4 * 1024,
    compression: options.compression ?? 'none',
    indexBytes: options.indexBytes ?? DEFAULT_INDEX_BYTES,
    tableBytes: options.tableBytes ?? 32 * 1024 * 1024,
    level0Tables: options.level0Tables ?? 4,
    level1Bytes: options.level1Bytes ?? 64 * 1024 * 1024,
    sliceMs: options.sliceMs ?? 2,
    logger: options.logger ?? silentLogger,
    telemetry: createTelemetry(options.metrics),
    onInstalled: options.onInstalled ?? (() => undefined),
    onBackgroundError: options.onBackgroundError ?? (() => undefined),
    onCorruption: options.onCorruption ?? (() => undefined),
    events: guarded(options.events ?? {}, options.logger ?? silentLogger),
  };
  for (const name of [
    'memtableBytes',
    'blockBytes',
    'indexBytes',
    'tableBytes',
    'level0Tables',
    'level1Bytes',
    'sliceMs',
  ] as const) {
    if (settings[name] > 0) continue;
    throw new SstError(SstErrorCode.Usage, `${name} is ${settings[name]}, must be above 0`);
  }
  if (!COMPRESSIONS.has(settings.compression)) {
    throw new SstError(SstErrorCode.Usage, `there is no compression '${settings.compression}'`);
  }
  return Object.freeze(settings);
}

const EVENTS = [
  'flushInstalled',
  'compactionInstalled',
  'tableRemoved',
  'pressureChanged',
] as const satisfies readonly (keyof DbEvents)[];

/** What a listener throws is logged and goes no further: events come from the middle of other work. */
function guarded(events: DbEvents, logger: Logger): DbEvents {
  const guard = (name: keyof DbEvents): [string, (event: never) => void] => [
    name,
    (event) => {
      try {
        events[name]?.(event);
      } catch (error) {
        logger.error(LogEvent.ListenerFailed, { name, reason: messageOf(error) });
      }
    },
  ];
  return Object.fromEntries(EVENTS.filter((name) => events[name] !== undefined).map(guard));
}
