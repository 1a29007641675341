import { strict as assert } from 'node:assert';
import { cpSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CommandResult, run, Service } from './command.js';
import { consumerEnv } from './consumer-env.js';
import { type Manifest, optionalPeers, root } from './workspace.js';

/** Where packages come from and what runs them. */
export interface SmokeTest {
  /** A folder outside the repository, not there yet. */
  readonly directory: string;
  /** The Node binary. */
  readonly node: string;
  /** What `npm i` is told: tarballs, or names with versions. */
  readonly specifiers: readonly string[];
  /** Manifests of the packages that these are. */
  readonly manifests: readonly Manifest[];
  /** More arguments of `npm i`, like a registry. */
  readonly installArgs?: readonly string[];
  /** Hears what was done, with seconds. */
  readonly say: (text: string) => void;
}

const readyLine = /^doug-node ready .*\bgrpc=(127\.0\.0\.1:\d+) .*\bpid=(\d+)$/m;
const INSTALL_MS = 300_000;
const START_MS = 60_000;
const STOP_MS = 30_000;

/**
 * What somebody does who has read the READMEs: install, start a member, write and read by command and
 * by program, stop.
 * @throws an error that says which step did not hold
 */
export async function smokeTest(test: SmokeTest): Promise<void> {
  const consumer = new Consumer(test);
  await consumer.step('npm i', () => consumer.install());
  await consumer.step('npx runs the Node that is meant', () => consumer.checkNode());
  await consumer.step('bins say their version', () => consumer.checkBins());
  await consumer.step('every entry by import and by require', () => consumer.loadEntries());
  await consumer.withMember(async (address) => {
    await consumer.step('npx doug: put, get', () => consumer.useCommand(address));
    await consumer.step("import '@dougdb/client'", () => consumer.quiet('use.mjs', address));
    await consumer.step("require('@dougdb/client')", () => consumer.quiet('use.cjs', address));
    await consumer.step('tsc (strict, skipLibCheck false)', () => consumer.compile());
    await consumer.step('the compiled program', () => consumer.quiet('out/program.js', address));
  });
}

class Consumer {
  readonly #test: SmokeTest;
  readonly #env: NodeJS.ProcessEnv;

  constructor(test: SmokeTest) {
    this.#test = test;
    this.#env = consumerEnv(process.env, test.node);
  }

  async step(title: string, work: () => Promise<unknown>): Promise<void> {
    const began = performance.now();
    await work();
    this.#test.say(`${title}: ${((performance.now() - began) / 1000).toFixed(1)} s`);
  }

  async install(): Promise<void> {
    const { directory, specifiers, manifests, installArgs = [] } = this.#test;
    mkdirSync(directory, { recursive: true });
    cpSync(join(root, 'tools/packaging/consumer'), directory, { recursive: true });
    writeFileSync(join(directory, 'package.json'), '{"private":true,"type":"module"}\n');
    // No install scripts: nothing of ours needs one, and lmdb's binary must be there without.
    const quietly = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'];
    const all = [...specifiers, ...optionalPeers(manifests)];
    await this.#run('npm', ['i', ...quietly, ...installArgs, ...all], INSTALL_MS);
  }

  /** Bins are started by the Node on the PATH: no other may stand in for the one under test. */
  async checkNode(): Promise<void> {
    const program = 'process.stdout.write(process.execPath)';
    const { stdout } = await this.#npx(['node', '-e', program]);
    assert.equal(stdout, realpathSync(this.#test.node));
  }

  async checkBins(): Promise<void> {
    for (const { bin = {}, version } of this.#test.manifests) {
      for (const name of Object.keys(bin)) {
        const { stdout } = await this.#npx([name, '--version']);
        assert.equal(stdout, `${version}\n`, `${name} --version`);
      }
    }
  }

  async loadEntries(): Promise<void> {
    await this.quiet('entries.mjs', ...this.#entries());
  }

  /** Starts `npx doug-node` as the README says, and ends it by a signal to the pid that it names. */
  async withMember(work: (address: string) => Promise<void>): Promise<void> {
    const anyPort = ['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0'];
    const args = ['--no', '--', 'doug-node', '--data-dir', 'data', ...anyPort];
    const member = new Service('npx', args, { cwd: this.#test.directory, env: this.#env });
    try {
      let ready: readonly string[] = [];
      await this.step('npx doug-node: ready', async () => {
        ready = await member.says(readyLine, START_MS);
      });
      const [, address = '', pid] = ready;
      await work(address);
      await this.step('SIGTERM: exit code 0', async () => {
        // To the member itself: npx does not hand the signal on, but answers with the exit code.
        process.kill(Number(pid), 'SIGTERM');
        const { code, signal, stderr } = await member.ended(STOP_MS);
        assert.equal(signal ?? code, 0, `doug-node ended with ${signal ?? code}\n${stderr}`);
      });
    } finally {
      member.kill();
    }
  }

  async useCommand(address: string): Promise<void> {
    await this.#npx(['doug', '--endpoint', address, 'put', 'greeting', 'hello']);
    const { stdout } = await this.#npx(['doug', '--endpoint', address, 'get', 'greeting']);
    assert.equal(stdout, 'hello\n', 'doug get');
  }

  async compile(): Promise<void> {
    const imports = this.#entries().map((entry, n) => `import * as entry${n} from '${entry}';\n`);
    const names = imports.map((_, n) => `entry${n}`).join(', ');
    // All declarations are checked, also those that no program asks for.
    writeFileSync(
      join(this.#test.directory, 'every-entry.ts'),
      `${imports.join('')}console.log([${names}].length);\n`,
    );
    await this.#npx(['tsc', '--project', '.']);
  }

  /** Runs a program and demands that it says nothing, warnings of Node included. */
  async quiet(program: string, ...args: readonly string[]): Promise<void> {
    const { stdout, stderr } = await this.#run(this.#test.node, [program, ...args]);
    assert.equal(stdout + stderr, '', `${program} said something`);
  }

  #entries(): readonly string[] {
    return this.#test.manifests.flatMap(({ name, exports = {} }) =>
      Object.keys(exports)
        .filter((subpath) => subpath !== './package.json')
        .map((subpath) => name + subpath.slice(1)),
    );
  }

  /** `--no`: what is not installed is not fetched from the registry under that name. */
  #npx(args: readonly string[]): Promise<CommandResult> {
    return this.#run('npx', ['--no', '--', ...args]);
  }

  #run(command: string, args: readonly string[], timeoutMs?: number): Promise<CommandResult> {
    const { directory: cwd } = this.#test;
    const limit = timeoutMs === undefined ? {} : { timeoutMs };
    return run(command, args, { cwd, env: this.#env, ...limit });
  }
}
