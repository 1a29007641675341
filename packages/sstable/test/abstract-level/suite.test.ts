import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ClassicLevel } from 'classic-level';
import { SstLevel } from '../../src/abstract-level/index.js';
import { temporary } from './temporary.js';

jest.setTimeout(300_000);

/** Of abstract-level 3.1.1 with the features of classic-level 3.0.0. */
const ASSERTIONS = 5168;

describe("abstract-level's own suite", () => {
  it('passes, all 5,168 assertions', async () => {
    // A process of its own: tape runs when its event loop is empty. It takes what was compiled.
    const { stdout } = await promisify(execFile)(process.execPath, [join(__dirname, 'suite.mjs')], {
      maxBuffer: 1 << 28,
    }).catch((error: { stdout: string; stderr: string }) => {
      const failed = error.stdout.split('\n').filter((line) => line.startsWith('not ok'));
      throw new Error(`${failed.join('\n')}\n${error.stdout.slice(-2000)}\n${error.stderr}`);
    });
    const counts = Object.fromEntries(
      [...stdout.matchAll(/^# (tests|pass|fail) +(\d+)$/gm)].map(([, name, n]) => [
        name,
        Number(n),
      ]),
    );
    expect(counts).toEqual({ tests: ASSERTIONS, pass: ASSERTIONS });
  });

  it('is run with the manifest of classic-level', async () => {
    const dir = temporary();
    try {
      const classic = new ClassicLevel(`${dir.path}/classic`);
      const ours = new SstLevel(`${dir.path}/ours`);
      expect(ours.supports).toEqual(classic.supports);
      await Promise.all([classic.close(), ours.close()]);
    } finally {
      dir.remove();
    }
  });
});
