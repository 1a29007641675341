import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SimRandom, SimScheduler } from '@dougdb/ports/sim';
import {
  CompareFailedError,
  compare,
  type DougClient,
  DougError,
  del,
  get,
  put,
} from '../src/index.js';
import { createMemoryStore, type MemoryStore } from '../src/testing/index.js';
import * as examples from './readme-examples.js';

type Connect = typeof DougClient.connect;

/** What examples get: a client of a store in memory wherever they connect to. */
function given(store: MemoryStore): { given: examples.Given; lines: unknown[][] } {
  const lines: unknown[][] = [];
  const connect = ((target: string | object, options: object = {}) =>
    store.connect(typeof target === 'string' ? options : target)) as Connect;
  const of = {
    ...{ DougClient: { connect }, DougError, CompareFailedError, SimScheduler, SimRandom },
    ...{ compare, put, del, get },
  };
  const console = { log: (...values: readonly unknown[]) => void lines.push([...values]) };
  return { given: { ...of, createMemoryStore, console }, lines };
}

describe('the heads of the entries', () => {
  it.each(['src/index.ts', 'src/testing/index.ts', 'src/core.ts'])(
    '%s shows an example that is run here',
    (file) => {
      const [head = ''] = readFileSync(join(__dirname, '..', file), 'utf8').split('*/');
      const shown = head
        .slice(head.indexOf('```ts') + 5, head.lastIndexOf('```'))
        .replace(/^ \* ?/gm, '')
        .replace(/^import .*\n/gm, '');
      const source = readFileSync(join(__dirname, 'readme-examples.ts'), 'utf8');
      const from = source.indexOf(`  // ${file}\n`);
      expect(from).toBeGreaterThan(0);
      const tested = source.slice(source.indexOf('\n', from), source.indexOf('  // end\n', from));
      expect(shown.trim()).toBe(tested.replace(/^ {2}/gm, '').trim());
    },
  );

  it('show what happens', async () => {
    await using store = createMemoryStore();
    const { given: imports } = given(store);
    expect(await examples.ofIndex(imports)).toEqual([
      1,
      { key: 'user/1', value: 'Ada', revision: 1 },
    ]);
    await examples.ofTesting(imports);
    const { createClient } = await import('../src/core.js');
    const { NodeClock, NodeRandom } = await import('@dougdb/ports/node');
    const db = await examples.ofCore({
      createClient,
      transport: store.cluster.transport(),
      clock: new NodeClock(),
      random: new NodeRandom(),
    });
    expect(await db.get('nobody')).toBeNull();
    await db.close();
  });
});

describe('README.md', () => {
  it('shows the examples that are tested here, and no other code', () => {
    const source = readFileSync(join(__dirname, 'readme-examples.ts'), 'utf8');
    const tested = [...source.matchAll(/\n {2}\/\/ block\n([\s\S]*?) {2}\/\/ end\n/g)].map(
      ([, body = '']) => body.replace(/^ {2}/gm, '').trim(),
    );
    const readme = readFileSync(join(__dirname, '../README.md'), 'utf8');
    const shown = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, body = '']) =>
      body.replace(/^import .*\n/gm, '').trim(),
    );
    expect(shown).toEqual(tested);
    expect(shown).toHaveLength(11);
  });

  it('imports what there is', async () => {
    const modules: Record<string, object> = {
      '@dougdb/client': await import('../src/index.js'),
      '@dougdb/client/testing': await import('../src/testing/index.js'),
      '@dougdb/ports/sim': await import('@dougdb/ports/sim'),
    };
    const readme = readFileSync(join(__dirname, '../README.md'), 'utf8');
    const imports = [...readme.matchAll(/^import (type )?\{ (.*) \} from '(.*)';$/gm)];
    expect(imports.length).toBeGreaterThan(7);
    for (const [, isType, names = '', from = ''] of imports) {
      const values = names.split(', ').filter((name) => !name.startsWith('type '));
      if (isType === undefined)
        for (const name of values) expect(modules[from]).toHaveProperty(name);
    }
  });

  it('begins with what a client is for', async () => {
    await using store = createMemoryStore();
    const { given: imports, lines } = given(store);
    await examples.first(imports);
    expect(lines).toEqual([['user/1', 'Ada', 1, 'Ada']]);
    await examples.reads(imports);
    expect(lines.slice(1)).toEqual([
      ['Ada', expect.any(Number)],
      ['Ada', null],
    ]);
  });

  it('counts, many at once', async () => {
    await using store = createMemoryStore();
    const increment = examples.conditions(given(store).given);
    const clients = await Promise.all([store.connect(), store.connect(), store.connect()]);
    const counts = await Promise.all(clients.map((db) => increment(db, 'n')));
    expect(counts.sort()).toEqual([1, 2, 3]);
  });

  it('renames, or says why not', async () => {
    await using store = createMemoryStore();
    const rename = examples.transactions(given(store).given);
    const db = await store.connect();
    expect(await rename(db, 'a', 'b')).toBe(false);
    await db.put('a', 'Ada');
    expect(await rename(db, 'a', 'b')).toBe(true);
    expect(await db.getMany(['a', 'b'])).toMatchObject([null, { value: 'Ada' }]);
    await db.put('a', 'Eve');
    await expect(rename(db, 'a', 'b')).rejects.toThrow('b is taken');
  });

  it('moves amounts, many at once, and loses none', async () => {
    await using store = createMemoryStore();
    const transfer = examples.transacts();
    const clients = await Promise.all([store.connect(), store.connect(), store.connect()]);
    const [db] = clients;
    await db.put('a', '10');
    await Promise.all(clients.map((one) => transfer(one, 'a', 'b', 3)));
    expect(await db.getMany(['a', 'b'])).toMatchObject([{ value: '1' }, { value: '9' }]);
    await expect(transfer(db, 'a', 'b', 2)).rejects.toThrow('not enough');
  });

  it('speaks codecs', async () => {
    await using store = createMemoryStore();
    const { given: imports, lines } = given(store);
    await examples.codecs(imports);
    expect(lines).toEqual([[0, { name: 'Grace', tags: ['navy'] }]]);
  });

  it('says what is certain', async () => {
    await using store = createMemoryStore();
    const { given: imports, lines } = given(store);
    store.ignore();
    // A process that stands still for those 50 ms sends nothing in time, and then nothing is in doubt yet.
    for (let i = 0; i < 100 && isUnsent(lines.at(-1)); i++) await examples.errors(imports);
    expect(lines.at(-1)).toEqual(['DOUG_IN_DOUBT', 'UNKNOWN']);
    expect(lines.slice(0, -1).every(isUnsent)).toBe(true);
  });

  it('follows what happens', async () => {
    await using store = createMemoryStore();
    const { given: imports, lines } = given(store);
    const follow = examples.watching(imports);
    const db = await store.connect();
    const first = new AbortController();
    const token = follow(db, first.signal);
    await until(() => store.cluster.openWatches > 0);
    await db.put('user/1', 'Ada');
    await db.delete('user/1');
    await until(() => lines.length === 2);
    first.abort();
    await db.put('user/2', 'Bob');
    const second = new AbortController();
    const ended = follow(db, second.signal, await token);
    await until(() => lines.length === 3);
    second.abort();
    expect(await ended).not.toBe(await token);
    expect(lines).toEqual([
      ['put', 'user/1', 1],
      ['delete', 'user/1', 2],
      ['put', 'user/2', 3],
    ]);
  });

  it('loads more than the client holds', async () => {
    await using store = createMemoryStore();
    const db = await store.connect({ pendingLimit: { operations: 50 } });
    const entries = Array.from({ length: 500 }, (_, i): [string, string] => [`${1000 + i}`, 'v']);
    await examples.backPressure()(db, entries);
    expect(store.entries()).toHaveLength(500);
    store.refuse('PERMISSION_DENIED');
    await expect(examples.backPressure()(db, entries.slice(0, 2))).rejects.toMatchObject({
      code: 'DOUG_PERMISSION_DENIED',
    });
  });

  it('tests applications, on virtual time too', async () => {
    await using store = createMemoryStore();
    const { given: imports, lines } = given(store);
    await examples.testing(imports);
    expect(lines).toEqual([['DOUG_PERMISSION_DENIED'], ['UNKNOWN'], [1]]);
    const virtual = await examples.virtualTime(imports);
    expect(virtual.entries()).toHaveLength(1);
    await virtual.close();
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

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

function isUnsent(line: unknown): boolean {
  return line === undefined || String(line) === 'DOUG_DEADLINE,NOT_APPLIED';
}
