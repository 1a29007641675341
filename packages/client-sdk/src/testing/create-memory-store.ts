import { NodeClock, NodeRandom } from '@dougdb/ports/node';
import { MemoryStore, type MemoryStoreOptions } from './memory-store.js';

/**
 * An empty store.
 * @param options - `clock` and `random`: those of Node.js if left out
 */
export function createMemoryStore(options: Partial<MemoryStoreOptions> = {}): MemoryStore {
  return new MemoryStore({ clock: new NodeClock(), random: new NodeRandom(), ...options });
}
