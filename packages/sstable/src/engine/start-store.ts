import { SstErrorCode } from '../contract.js';
import { codeOf } from '../encoding/error-code.js';
import type { VersionEdit } from '../manifest/version-edit.js';
import { LogEvent } from '../telemetry.js';
import type { Recovered } from './recovery.js';
import type { Settings } from './settings.js';
import { Store } from './store.js';
import { keepTornEvidence } from './torn-evidence.js';

/**
 * From what was found in a directory to a database that may be used: its state is what a power loss would
 * leave from now on, and files that nothing names are gone. One that is only read is taken as it is.
 * @throws SstError; then everything is closed
 */
export async function startStore(settings: Settings, recovered: Recovered): Promise<Store> {
  const store = new Store(settings, recovered);
  try {
    if (recovered.isTorn) {
      const kept = settings.readOnly ? [] : await keepTornEvidence(settings, recovered);
      settings.logger.warn(LogEvent.ManifestTorn, { dir: settings.dir, kept: kept.join(' ') });
    }
    if (!settings.readOnly) await writeNewManifest(store, recovered);
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}

/**
 * So that nothing is built on what the last process may have failed to sync. On a full disk an existing
 * database does without, until its next edit makes one.
 */
async function writeNewManifest(store: Store, recovered: Recovered): Promise<void> {
  const { bounds } = store.settings;
  const edit: VersionEdit = bounds === null ? {} : { bounds };
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      await store.manifest.commit(edit, () => store.removeLeftovers(recovered));
      return;
    } catch (error) {
      if (recovered.current === null || codeOf(error) !== SstErrorCode.NoSpace) throw error;
      store.removeHalfMade(recovered);
    }
  }
  // The host will go on from this state, and cut its log there: it must be what a power loss leaves, too.
  await store.manifest.renewMarker();
}
