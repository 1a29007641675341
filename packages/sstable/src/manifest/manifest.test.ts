import { SimFs, SimScheduler } from '@dougdb/ports/sim';
import { bytes } from '../../test/support/entries.js';
import { fileOf } from '../../test/support/metas.js';
import type { CurrentManifest } from './current-manifest.js';
import { currentManifest } from './current-manifest.js';
import { manifestName, markerName, parseFileName } from './file-names.js';
import { Manifest } from './manifest.js';
import { readManifest } from './manifest-reader.js';
import { EMPTY_STATE } from './manifest-state.js';

const DIR = '/m';
const identity = bytes('me');

function newManifest(fs: SimFs, rotated: (CurrentManifest | null)[] = []): Manifest {
  return new Manifest({
    fs,
    dir: DIR,
    identity,
    state: EMPTY_STATE,
    current: null,
    onRotated: (old) => rotated.push(old),
  });
}

function newFs(): SimFs {
  const fs = new SimFs();
  fs.mkdir(DIR);
  fs.syncDirSync('/');
  return fs;
}

function commit(manifest: Manifest, edit: Parameters<Manifest['commit']>[0]): Promise<void> {
  return manifest.commit(edit, () => undefined);
}

/** What the directory says after a power loss. */
function readBack(fs: SimFs): ReturnType<typeof readManifest> | null {
  const disk = fs.crashClone({ keepUnsyncedPercent: 0 });
  const current = currentManifest(disk.list(DIR).flatMap((name) => parseFileName(name) ?? []));
  return current === null ? null : readManifest(disk, DIR, current.number, identity);
}

describe('Manifest', () => {
  it('writes nothing before its first commit', async () => {
    const fs = newFs();
    const manifest = newManifest(fs);
    expect([manifest.current, fs.list(DIR)]).toEqual([null, []]);
    await manifest.close();
  });

  it('makes each edit durable before it installs it', async () => {
    const fs = newFs();
    const manifest = newManifest(fs);
    for (let i = 1; i <= 3; i++) {
      const edit = {
        lastSequence: i,
        hostState: bytes(`H${i}`),
        newFiles: [fileOf(0, i + 100, 'a', [i, i])],
      };
      await manifest.commit(edit, () => {
        expect(readBack(fs)?.state).toMatchObject({ lastSequence: i, hostState: bytes(`H${i}`) });
        expect(manifest.state.lastSequence).toBe(i);
      });
    }
    expect(readBack(fs)?.state).toEqual(manifest.state);
    expect(fs.list(DIR)).toEqual([manifestName(1), markerName(1, 1)]);
    expect(manifest.rotations).toBe(1);
  });

  it('lets commits take effect in their order', async () => {
    const manifest = newManifest(newFs());
    const order: number[] = [];
    const commits = [1, 2, 3].map((n) => manifest.commit({ lastSequence: n }, () => order.push(n)));
    await Promise.all(commits);
    expect(order).toEqual([1, 2, 3]);
  });

  it('goes on in a new file when the old one has grown, and tells which one may go', async () => {
    const fs = newFs();
    const rotated: (CurrentManifest | null)[] = [];
    const manifest = newManifest(fs, rotated);
    const large = new Uint8Array(1024 * 1024);
    for (let i = 1; i <= 7; i++) await commit(manifest, { hostState: large.fill(i) });
    expect(rotated).toEqual([null, { number: 1, iteration: 1 }]);
    expect(manifest.current).toEqual({ number: 2, iteration: 2 });
    expect(readBack(fs)).toMatchObject({ number: 2, tail: 'clean' });
    expect(readBack(fs)?.state.hostState?.[0]).toBe(7);
    expect(fs.list(DIR)).toHaveLength(4);
    expect(readBack(fs)?.edits.length).toBeLessThan(7);
  });

  it('does not make a new file with each edit, however large the host state is', async () => {
    const fs = newFs();
    const manifest = newManifest(fs);
    for (let i = 1; i <= 6; i++) await commit(manifest, { hostState: new Uint8Array(3_000_000) });
    expect(manifest.rotations).toBeLessThanOrEqual(3);
  });

  it('gives each file number once', async () => {
    const manifest = newManifest(newFs());
    const numbers = [manifest.nextFileNumber(), manifest.nextFileNumber()];
    await commit(manifest, {});
    numbers.push(manifest.nextFileNumber());
    expect([numbers, manifest.current?.number]).toEqual([[1, 2, 4], 3]);
    expect(manifest.state.nextFileNumber).toBeLessThanOrEqual(5);
  });

  it.each(['write', 'datasync'] as const)('is done for after a failed %s', async (kind) => {
    const fs = newFs();
    const manifest = newManifest(fs);
    await commit(manifest, { lastSequence: 1 });
    fs.failNext({ kind, path: /MANIFEST/ }, 'EIO');
    const installed: string[] = [];
    await expect(
      manifest.commit({ lastSequence: 2 }, () => installed.push('2')),
    ).rejects.toMatchObject({
      code: 'SST_IO',
    });
    expect(manifest.isFailed).toBe(true);
    const operations = fs.mutationCount;
    await expect(manifest.commit({}, () => installed.push('3'))).rejects.toMatchObject({
      code: 'SST_IO',
    });
    expect([installed, fs.mutationCount, manifest.state.lastSequence]).toEqual([[], operations, 1]);
    await manifest.close();
    expect(fs.openPaths).toEqual([]);
  });

  it.each(['write', 'datasync'] as const)(
    'never writes a file again whose %s found no space: the next commit makes a new one',
    async (kind) => {
      const fs = newFs();
      const manifest = newManifest(fs);
      await commit(manifest, { lastSequence: 1 });
      fs.failNext({ kind, path: /MANIFEST/ }, 'ENOSPC');
      await expect(commit(manifest, { lastSequence: 2 })).rejects.toMatchObject({
        code: 'SST_NO_SPACE',
      });
      expect([manifest.isFailed, manifest.state.lastSequence]).toEqual([false, 1]);
      await commit(manifest, { lastSequence: 2 });
      expect(manifest.current).toEqual({ number: 2, iteration: 2 });
      expect(readBack(fs)?.state.lastSequence).toBe(2);
    },
  );

  it.each([
    ['create', /MANIFEST-000002$/],
    ['write', /MANIFEST-000002$/],
    ['create', /marker/],
  ] as const)('keeps the old file when a new one finds no space (%s %s)', async (kind, path) => {
    const fs = newFs();
    const manifest = newManifest(fs);
    await commit(manifest, { hostState: new Uint8Array(1), lastSequence: 1 });
    await commit(manifest, { hostState: new Uint8Array(5_000_000) });
    fs.failNext({ kind, path }, 'ENOSPC');
    await expect(commit(manifest, { lastSequence: 2 })).rejects.toMatchObject({
      code: 'SST_NO_SPACE',
    });
    expect(readBack(fs)).toMatchObject({ number: 1, state: { lastSequence: 1 } });
    expect(fs.list(DIR)).toEqual([manifestName(1), markerName(1, 1)]);
    await commit(manifest, { lastSequence: 2 });
    expect(readBack(fs)).toMatchObject({ number: 3, state: { lastSequence: 2 } });
    await manifest.close();
    expect(fs.openPaths).toEqual([]);
  });

  it('is done for after a failed sync of the directory, whatever the reason', async () => {
    for (const [nth, code] of [
      [1, 'EIO'],
      [2, 'EIO'],
      [1, 'ENOSPC'],
      [2, 'ENOSPC'],
    ] as const) {
      const fs = newFs();
      const manifest = newManifest(fs);
      let count = 0;
      fs.onOperation(({ kind }) => (kind === 'syncDir' && ++count === nth ? code : 'ok'));
      await expect(commit(manifest, {})).rejects.toMatchObject({
        code: expect.stringMatching(/^SST_/),
      });
      expect(manifest.isFailed).toBe(true);
      await manifest.close();
      expect(fs.openPaths).toEqual([]);
    }
  });

  it('refuses an edit that does not fit, and stays as it is', async () => {
    const manifest = newManifest(newFs());
    const edit = { deletedFiles: [{ level: 0, number: 9 }] };
    await expect(commit(manifest, edit)).rejects.toMatchObject({ code: 'SST_CORRUPT' });
    expect(manifest.isFailed).toBe(false);
    await commit(manifest, { lastSequence: 1 });
  });

  it('waits for a running commit when it closes', async () => {
    const scheduler = new SimScheduler();
    const fs = new SimFs({ clock: scheduler.clock() });
    fs.mkdir(DIR);
    const manifest = newManifest(fs);
    let isInstalled = false;
    const running = manifest.commit({}, () => {
      isInstalled = true;
    });
    await scheduler.runWhilePending(manifest.close());
    expect(isInstalled).toBe(true);
    await running;
    expect(fs.openPaths).toEqual([]);
  });
});

describe('reading a manifest', () => {
  async function written(): Promise<SimFs> {
    const fs = newFs();
    const manifest = newManifest(fs);
    await commit(manifest, {
      hostState: bytes('H1'),
      newFiles: [fileOf(0, 7, 'a', [1, 2])],
      lastSequence: 2,
    });
    await commit(manifest, {
      deletedFiles: [{ level: 0, number: 7 }],
      newFiles: [fileOf(1, 8, 'a', [1, 2])],
    });
    await manifest.close();
    return fs;
  }

  it('adds its edits up and remembers every table it ever named', async () => {
    const contents = readManifest(await written(), DIR, 1, identity);
    expect([...contents.state.files.keys()]).toEqual([8]);
    expect([...contents.mentioned]).toEqual([7, 8]);
    expect(contents.edits).toHaveLength(2);
    expect(contents.tail).toBe('clean');
  });

  it('refuses the manifest of another database: SST_FOREIGN', async () => {
    const fs = await written();
    expect(() => readManifest(fs, DIR, 1, bytes('you'))).toThrow(
      expect.objectContaining({ code: 'SST_FOREIGN', file: `${DIR}/MANIFEST-000001` }),
    );
    expect(readManifest(fs, DIR, 1, null).head.identity).toEqual(identity);
  });

  it('refuses one that has another number in it, is missing, empty or no manifest', async () => {
    const fs = await written();
    fs.rename(`${DIR}/MANIFEST-000001`, `${DIR}/MANIFEST-000005`);
    fs.plant(`${DIR}/MANIFEST-000006`, new Uint8Array(0));
    fs.plant(`${DIR}/MANIFEST-000007`, new Uint8Array(1000).fill(77));
    for (const number of [1, 5, 6, 7]) {
      expect(() => readManifest(fs, DIR, number, identity)).toThrow(
        expect.objectContaining({ code: 'SST_CORRUPT', file: `${DIR}/${manifestName(number)}` }),
      );
    }
    expect(fs.openPaths).toEqual([]);
  });
});
