import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { Child } from './support/child.js';

// Real processes and mounts: on a busy machine they take their time.
jest.setTimeout(300_000);

let dir: string;

beforeAll(() => {
  dir = mkdtempSync(`${tmpdir()}/dougdb-rig-`);
  mkdirSync(`${dir}/ts`);
});
afterAll(() => {
  rmSync(dir, { recursive: true, force: true });
});

/** True if this machine lets us mount in a namespace of our own, and the loop device too where it is needed. */
function mayMount(script: string): boolean {
  if (process.platform !== 'linux') return false;
  const probe = mkdtempSync(`${tmpdir()}/dougdb-probe-`);
  try {
    return spawnSync('unshare', ['-m', 'sh', '-ec', script, 'sh', probe]).status === 0;
  } finally {
    rmSync(probe, { recursive: true, force: true });
  }
}

const SMALL_DISK = 'mount -t tmpfs -o size=1m none "$1"; umount "$1"';
const LOOP = `mount -t tmpfs -o size=2m none "$1"; mkdir "$1/mnt"; truncate -s 8m "$1/image"
mkfs.ext4 -q -F "$1/image"; mount -o loop "$1/image" "$1/mnt"; umount "$1/mnt"; umount "$1"`;

async function runRig(kind: 'small-disk' | 'fsyncgate'): Promise<string[]> {
  const lines: string[] = [];
  const child = new Child(
    `${__dirname}/fixtures/rig-child.ts`,
    [kind, `${dir}/${kind}`],
    (line) => lines.push(line),
    {
      cacheDir: `${dir}/ts`,
      prefix: ['unshare', '-m', 'sh', `${__dirname}/fixtures/rig.sh`, kind, `${dir}/${kind}`],
    },
  );
  const { code, errors } = await child.ended();
  expect([code, errors, lines.filter((line) => line.startsWith('error'))]).toEqual([0, '', []]);
  return lines;
}

/** Numbers of what was acknowledged in lines [from, to). */
function acknowledged(lines: readonly string[], from = 0, to = lines.length): number[] {
  return lines
    .slice(from, to)
    .flatMap((line) => (/^A \d+$/.test(line) ? [Number(line.slice(2))] : []));
}

/** What a second process found of what the first one had acknowledged. */
function found(lines: readonly string[]): number {
  return Number(lines.find((line) => line.startsWith('last '))?.slice(5) ?? Number.NaN);
}

describe('a disk that is too small', () => {
  const isPossible = mayMount(SMALL_DISK);
  const title =
    'refuses growth, reads go on, and it recovers without a restart once space is freed';
  it(isPossible ? title : `SKIPPED: no tmpfs can be mounted here: ${title}`, async () => {
    if (!isPossible) return;
    const lines = await runRig('small-disk');
    const [refused, freed] = [lines.indexOf('refused'), lines.indexOf('freed')];
    expect(refused).toBeGreaterThan(0);
    expect(freed).toBeGreaterThan(refused);
    expect(acknowledged(lines, 0, refused).length).toBeGreaterThan(80);
    expect(acknowledged(lines, freed)).toHaveLength(50);
    expect(lines.slice(-4)).toEqual(['recovered', 'exit 0', expect.anything(), 'verified 0']);
    expect(found(lines)).toBe(acknowledged(lines).at(-1));
  });
});

describe('a disk whose first failed fsync is followed by ones that lie', () => {
  const isPossible = mayMount(LOOP);
  const title =
    'is the end of the process (exit code 4), nothing is acknowledged after it, nothing that was is lost';
  it(isPossible ? title : `SKIPPED: no loop device can be mounted here: ${title}`, async () => {
    if (!isPossible) return;
    const lines = await runRig('fsyncgate');
    const failed = lines.findIndex((line) => line.startsWith('failed'));
    expect(acknowledged(lines, 0, failed).length).toBeGreaterThan(80);
    expect(lines.slice(failed)).toEqual([
      expect.stringMatching(/^failed (WAL_FAILED|SST_IO)$/),
      'exit 4',
      expect.stringMatching(/^last /),
      'verified 0',
    ]);
    expect(found(lines)).toBeGreaterThanOrEqual(acknowledged(lines).at(-1) ?? 0);
  });
});
