import { fileDescriptorSet } from '@dougdb/rpc-proto/node';
import { DescriptorIndex } from './descriptor-index.js';
import { reflect } from './reflection.js';
import { eachField, encodeField, encodeNumber, text } from './wire.js';

const index = new DescriptorIndex(fileDescriptorSet);

function fieldsOf(bytes: Uint8Array): Map<number, Uint8Array[]> {
  const fields = new Map<number, Uint8Array[]>();
  eachField(bytes, (number, value) => fields.set(number, [...(fields.get(number) ?? []), value]));
  return fields;
}

function ask(number: number, name: string): Map<number, Uint8Array[]> {
  return fieldsOf(reflect(index, encodeField(number, name)));
}

const one = (values: readonly Uint8Array[] | undefined): Uint8Array =>
  values?.[0] ?? new Uint8Array(0);
const fileNames = (answer: Map<number, Uint8Array[]>): string[] =>
  (fieldsOf(one(answer.get(4))).get(1) ?? []).map((file) => text(one(fieldsOf(file).get(1))));

describe('reflection', () => {
  it('lists our services', () => {
    const answer = ask(7, '');
    const names = (fieldsOf(one(answer.get(6))).get(1) ?? []).map((s) =>
      text(one(fieldsOf(s).get(1))),
    );
    expect(names.sort()).toEqual([
      'dougdb.admin.v1.Admin',
      'dougdb.raft.v1.Genesis',
      'dougdb.raft.v1.Raft',
      'dougdb.v1.Doug',
      'dougdb.v1.Routes',
    ]);
  });

  it('lists only what is served, and knows the rest', () => {
    const some = new DescriptorIndex(fileDescriptorSet, (name) => name === 'dougdb.v1.Doug');
    expect(some.services).toEqual(['dougdb.v1.Doug']);
    expect(some.filesBySymbol('dougdb.raft.v1.Raft')).toBeDefined();
  });

  it.each(['dougdb.v1.Doug', 'dougdb.v1.Doug.Put', 'dougdb.v1.PutRequest'])(
    'finds the file of %s, and what it needs',
    (symbol) => {
      expect(fileNames(ask(4, symbol))).toEqual(['dougdb/v1/doug.proto', 'dougdb/v1/types.proto']);
    },
  );

  it('finds enums and files by name', () => {
    expect(fileNames(ask(4, 'dougdb.v1.Code'))).toEqual(['dougdb/v1/types.proto']);
    expect(fileNames(ask(3, 'dougdb/v1/types.proto'))).toEqual(['dougdb/v1/types.proto']);
  });

  it('says what it does not know', () => {
    for (const [number, name] of [
      [4, 'dougdb.v1.Nothing'],
      [3, 'none.proto'],
      [5, 'x'],
    ] as const) {
      expect(ask(number, name).has(7)).toBe(true);
    }
  });

  it('gives host and request back', () => {
    const request = Buffer.concat([encodeField(1, 'here'), encodeField(7, '')]);
    const answer = fieldsOf(reflect(index, request));
    expect(text(one(answer.get(1)))).toBe('here');
    expect(one(answer.get(2))).toEqual(new Uint8Array(request));
  });

  it.each([[Uint8Array.of(0x0a, 5, 1)], [Uint8Array.of(0x0b)], [new Uint8Array(30).fill(255)]])(
    'refuses garbage',
    (bytes) => {
      expect(() => reflect(index, bytes)).toThrow(RangeError);
    },
  );

  it('steps over numbers', () => {
    const bytes = Buffer.concat([
      encodeNumber(9, 300),
      Uint8Array.of(0x55, 1, 2, 3, 4, 0x51, 1, 2, 3, 4, 5, 6, 7, 8),
      encodeField(1, 'x'.repeat(200)),
    ]);
    expect(text(one(fieldsOf(bytes).get(1)))).toBe('x'.repeat(200));
  });
});
