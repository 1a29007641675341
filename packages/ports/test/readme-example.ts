import type { FileSystem } from '@dougdb/ports';
import { SimFs, SimRandom } from '@dougdb/ports/sim';

/** Replaces a file: after a crash at any moment it is the old one or the new one, and whole. */
export async function replace(fs: FileSystem, content: Uint8Array): Promise<void> {
  const temp = fs.open('/value.tmp', 'create');
  temp.writeSync(content, 0, content.length, 0);
  await temp.datasync(); // leave this out, and the loop below finds a torn file
  temp.close();
  fs.rename('/value.tmp', '/value');
  await fs.syncDir('/');
}

/** Cuts the power before each operation of `run`; answers every size that the file then has. */
export async function crashAnywhere(run: typeof replace): Promise<Set<number>> {
  const sizes = new Set<number>();
  for (let k = 1, crashed = true; crashed; k++) {
    const fs = new SimFs({ random: new SimRandom(k) });
    fs.plant('/value', new Uint8Array(10)); // there, durably
    fs.crashAtOperation(k);
    await run(fs, new Uint8Array(2000)).catch(() => {}); // ESIMCRASH
    crashed = fs.crashed;
    for (const keepUnsyncedPercent of [0, 25, 50, 75, 100]) {
      sizes.add(fs.crashClone({ keepUnsyncedPercent }).contents('/value').length);
    }
  }
  return sizes; // Set { 10, 2000 }
}
