import type { DbOptions } from '../contract.js';
import { LogEvent } from '../telemetry.js';
import { recover } from './recovery.js';
import { resolveSettings } from './settings.js';
import { startStore } from './start-store.js';
import type { Store } from './store.js';

/**
 * Reads what the directory holds, opens its tables and makes it a database that may be used.
 * @throws SstError: see Db.open
 */
export async function openStore(options: DbOptions): Promise<Store> {
  const settings = resolveSettings(options);
  const recovered = await recover(settings.fs, settings.dir, settings.identity);
  const store = await startStore(settings, recovered);
  settings.logger.info(LogEvent.Opened, {
    dir: settings.dir,
    tables: store.version.tableCount,
    lastSequence: store.lastSequence,
    isNew: recovered.current === null,
  });
  return store;
}
