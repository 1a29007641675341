import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DougClient, DougError } from '../src/index.js';

// The README's example, as the compiler and a cluster see it.

type Connect = typeof DougClient.connect;

// example
async function example(DougClient: { connect: Connect }, DougError: ErrorType, console: Output) {
  await using db = await DougClient.connect('127.0.0.1:4400,127.0.0.1:4401');

  const { revision } = await db.put('user/1', 'Ada');
  const hit = await db.get('user/1'); // { key, value, revision } or null
  const quick = await db.get('user/1', { consistency: 'eventual' }); // may be older: see ageMs
  await db.delete('user/2', { timeoutMs: 1000 });

  for await (const { key, value } of db.scan({ prefix: 'user/', limit: 100 })) {
    console.log(key, value, revision, hit?.value, quick?.ageMs);
  }

  try {
    await db.put('user/3', 'Eve', { signal: AbortSignal.timeout(50) });
  } catch (error) {
    if (!DougError.is(error)) throw error;
    console.log(error.code, error.outcome); // 'UNKNOWN': it may have taken effect, or may still
  }
}
// end of example

interface Output {
  log(...values: readonly unknown[]): void;
}
type ErrorType = typeof DougError;

describe('README.md', () => {
  it('shows an example that compiles and runs', async () => {
    const { createClient } = await import('../src/core.js');
    const { DougError } = await import('../src/index.js');
    const { FakeCluster } = await import('../src/testing/index.js');
    const { NodeClock, NodeRandom } = await import('@dougdb/ports/node');
    const clock = new NodeClock();
    const cluster = new FakeCluster({ clock });
    const ports = { transport: cluster, clock, random: new NodeRandom() };
    const connect = (() => createClient(ports, { endpoints: cluster.endpoints })) as Connect;
    cluster.judge = ({ key }) => (key === 'user/3' ? 'swallow' : 'serve');
    const lines: unknown[][] = [];
    await example({ connect }, DougError, { log: (...values) => lines.push([...values]) });
    expect(lines).toEqual([
      ['user/1', 'Ada', 1, 'Ada', 12],
      ['DOUG_ABORTED', 'UNKNOWN'],
    ]);
    expect(cluster.isClosed).toBe(true);
  });

  it('shows the example as it is tested', () => {
    const own = readFileSync(__filename, 'utf8');
    const body = own.slice(own.indexOf(') {\n') + 4, own.indexOf('\n}\n// end of example'));
    const lines = body.split('\n');
    const example = lines.map((line) => line.replace(/^ {2}/, '')).join('\n');
    const readme = readFileSync(join(__dirname, '../README.md'), 'utf8');
    expect(readme).toContain(
      `import { DougClient, DougError } from '@dougdb/client';\n\n${example}\n\`\`\``,
    );
  });

  it('types codecs by their name and their value', () => {
    const typed = async (connect: Connect): Promise<void> => {
      const text = await connect('a:1');
      const value: string | undefined = (await text.get('k'))?.value;
      const bytes = await connect({ endpoints: ['a:1'], codec: 'bytes' });
      const key: Uint8Array | undefined = (await bytes.get('k'))?.key;
      const json = await connect('a:1', { codec: 'json' });
      await json.put('k', { a: [1] });
      const numbers = text.withCodec<number>({
        encode: (n) => new TextEncoder().encode(String(n)),
        decode: (raw) => Number(new TextDecoder().decode(raw)),
      });
      const n: number | undefined = (await numbers.get('k'))?.value;
      for await (const entry of text.scan({ keysOnly: true })) {
        // @ts-expect-error there is no value
        void entry.value;
      }
      // @ts-expect-error a put of a text client takes text
      await text.put('k', 1);
      // @ts-expect-error a write has no consistency
      await text.put('k', 'v', { consistency: 'eventual' });
      void [value, key, n];
      const closing: DougClient = text;
      await closing.close();
    };
    expect(typeof typed).toBe('function');
  });
});
