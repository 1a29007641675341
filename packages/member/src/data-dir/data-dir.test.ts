import { SimFs, SimRandom } from '@dougdb/ports/sim';
import { DataDir } from './data-dir.js';
import { layoutOf, parentOf } from './layout.js';
import type { StoredMembership } from './node-file-format.js';

const ROOT = '/home/doug/data';
const layout = layoutOf(ROOT);
const membership: StoredMembership = {
  clusterId: new Uint8Array(16).fill(7),
  nodeId: 3,
  genesis: Uint8Array.of(1, 2, 3),
};

const open = (fs: SimFs, seed = 1): Promise<DataDir> => DataDir.open(fs, ROOT, new SimRandom(seed));

/** As the parts above do: a member's log and votes have files. */
async function openJoined(fs: SimFs): Promise<DataDir> {
  const dir = await open(fs);
  for (const path of [`${layout.wal}/1.wal`, `${layout.raftMeta}/data.mdb`]) {
    fs.plant(path, Uint8Array.of(1));
  }
  await dir.join(membership);
  return dir;
}

async function errorOf(
  promise: Promise<unknown>,
): Promise<{ code: string; message: string; exitCode: number }> {
  return promise.then(
    () => ({ code: 'no error', message: '', exitCode: 0 }),
    (error: unknown) => error as { code: string; message: string; exitCode: number },
  );
}

describe('data directory', () => {
  it('gets a uuid at the first start and keeps it', async () => {
    const fs = new SimFs();
    const first = await open(fs, 1);
    await first.release();
    const second = await open(fs, 2);
    expect(second.identity).toEqual(first.identity);
    expect(second.identity.membership).toBeNull();
    expect(fs.openPaths).toEqual([]);
  });

  it('is refused while another process holds it, and given back by release', async () => {
    const fs = new SimFs();
    const first = await open(fs);
    const error = await errorOf(open(fs));
    expect(error).toMatchObject({ code: 'MEMBER_LOCKED', exitCode: 3 });
    expect(error.message).toContain(ROOT);
    await first.release();
    await (await open(fs)).release();
  });

  it('keeps its membership, which is written once', async () => {
    const fs = new SimFs();
    const dir = await openJoined(fs);
    expect(await errorOf(dir.join(membership))).toMatchObject({ code: 'MEMBER_INTERNAL' });
    await dir.release();
    expect((await open(fs)).identity.membership).toEqual(membership);
  });

  it('after any crash it is empty or a member, and a member once told so', async () => {
    const states = new Set<string>();
    const total = await mutationsOf(async (fs) => {
      await openJoined(fs);
    });
    for (let at = 1; at <= total + 1; at++) {
      for (const keepUnsyncedPercent of [0, 50, 100]) {
        const fs = new SimFs({ random: new SimRandom(at) });
        fs.crashAtMutation(at);
        let told = false;
        await openJoined(fs).then(
          () => {
            told = true;
          },
          () => undefined,
        );
        const after = fs.crashClone({ keepUnsyncedPercent });
        const dir = await open(after);
        const isMember = dir.identity.membership !== null;
        states.add(`${told} ${isMember}`);
        if (told) expect(isMember).toBe(true);
        if (isMember) expect(dir.identity.membership).toEqual(membership);
        await dir.release();
      }
    }
    expect([...states].sort()).toEqual(['false false', 'false true', 'true true']);
  });

  it('keeps its uuid from the moment at which it is open, whatever crashes', async () => {
    const fs = new SimFs();
    const dir = await open(fs);
    const after = fs.crashClone({ keepUnsyncedPercent: 0 });
    expect((await open(after, 2)).identity.uuid).toEqual(dir.identity.uuid);
  });

  it.each(['raftMeta', 'wal'] as const)(
    'INVARIANT(vote-durable): is refused when %s is gone from a member',
    async (name) => {
      const fs = new SimFs();
      await (await openJoined(fs)).release();
      fs.removeTree(layout[name]);
      const error = await errorOf(open(fs));
      expect(error).toMatchObject({ code: 'MEMBER_CORRUPT', exitCode: 3 });
      expect(error.message).toContain(layout[name]);
    },
  );

  it('is refused when NODE is damaged, naming the file', async () => {
    const fs = new SimFs();
    await (await open(fs)).release();
    fs.corrupt(layout.nodeFile, 20, 0x10);
    const error = await errorOf(open(fs));
    expect(error).toMatchObject({ code: 'MEMBER_CORRUPT', exitCode: 3 });
    expect(error.message).toContain(layout.nodeFile);
  });

  it('is refused when NODE is gone and other files are not, or when the directory is somebody else’s', async () => {
    const fs = new SimFs();
    await (await openJoined(fs)).release();
    fs.remove(layout.nodeFile);
    expect(await errorOf(open(fs))).toMatchObject({ code: 'MEMBER_FOREIGN', exitCode: 3 });
    const other = new SimFs();
    other.mkdir(ROOT);
    other.plant(`${ROOT}/thesis.doc`, Uint8Array.of(1));
    expect(await errorOf(open(other))).toMatchObject({ code: 'MEMBER_FOREIGN', exitCode: 3 });
    expect(other.list(ROOT)).toContain('thesis.doc');
  });

  it('is refused when it is a file', async () => {
    const fs = new SimFs();
    fs.mkdir(parentOf(ROOT));
    fs.plant(ROOT, Uint8Array.of(1));
    expect(await errorOf(open(fs))).toMatchObject({ code: 'MEMBER_ACCESS', exitCode: 3 });
  });

  it.each([
    ['EIO', 'MEMBER_DISK', 4],
    ['ENOSPC', 'MEMBER_NO_SPACE', 1],
    ['EACCES', 'MEMBER_ACCESS', 3],
  ])(
    'ends with the exit code of its cause when NODE cannot be written: %s',
    async (fault, code, exitCode) => {
      const fs = new SimFs();
      fs.failNext({ kind: 'create', path: layout.nodeFileNew }, { fault: 'error', code: fault });
      expect(await errorOf(open(fs))).toMatchObject({ code, exitCode });
      expect(fs.openPaths).toEqual([]);
      await (await open(fs)).release();
    },
  );

  it('is not a member when the record could not be made durable', async () => {
    const fs = new SimFs();
    const dir = await open(fs);
    fs.failNext({ kind: 'datasync' }, 'EIO');
    expect(await errorOf(dir.join(membership))).toMatchObject({ code: 'MEMBER_DISK', exitCode: 4 });
    expect(dir.identity.membership).toBeNull();
  });

  it('removes what a crash left of a NODE file being written', async () => {
    const fs = new SimFs();
    await (await open(fs)).release();
    fs.plant(layout.nodeFileNew, Uint8Array.of(1));
    await (await open(fs)).release();
    expect(fs.stat(layout.nodeFileNew)).toBeNull();
  });
});

describe('parentOf', () => {
  it('knows the parent of absolute and relative paths', () => {
    expect(['/a/b', '/a', '/', './d', 'd', 'x/d/'].map(parentOf)).toEqual([
      '/a',
      '/',
      '/',
      '.',
      '.',
      'x',
    ]);
  });
});

async function mutationsOf(run: (fs: SimFs) => Promise<void>): Promise<number> {
  const fs = new SimFs();
  await run(fs);
  return fs.mutationCount;
}
