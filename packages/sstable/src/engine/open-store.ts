import type { DbOptions } from '../contract.js';
import { LogEvent } from '../telemetry.js';
import { lookAround, recover } from './recovery.js';
import { resolveSettings } from './settings.js';
import { startStore } from './start-store.js';
import type { Store } from './store.js';

/**
 * Reads what the directory holds, opens its tables and makes it a database that may be used.
 * @throws SstError: see Db.open
 */
export async function openStore(options: DbOptions): Promise<Store> {
  const settings = resolveSettings(options);
  const { fs, dir, identity, readOnly } = settings;
  const recovered = readOnly ? lookAround(fs, dir, identity) : await recover(fs, dir, identity);
  const store = await startStore(settings, recovered);
  settings.logger.info(LogEvent.Opened, {
    dir,
    tables: store.version.tableCount,
    lastSequence: store.lastSequence,
    isNew: recovered.current === null,
  });
  return store;
}
