import { MOST_SPLIT_KEYS, splitKeysFault } from './split-keys.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const numbered = (count: number, length: number): Uint8Array[] =>
  Array.from({ length: count }, (_, at) => {
    const key = new Uint8Array(length);
    key[0] = at >> 8;
    key[1] = at & 0xff;
    key[length - 1] = 1;
    return key;
  });

describe('keys to split at', () => {
  it('ascend, and may be as long as any key', () => {
    expect(splitKeysFault([])).toBeNull();
    expect(
      splitKeysFault([bytes('a'), bytes('aa'), bytes('b'), new Uint8Array(8192).fill(255)]),
    ).toBeNull();
    expect(splitKeysFault(numbered(MOST_SPLIT_KEYS, 3))).toBeNull();
  });

  it.each<[string, Uint8Array[], string]>([
    ['an empty one', [bytes('a'), new Uint8Array(0)], 'key 2 is empty'],
    ['the same twice', [bytes('a'), bytes('a')], 'key 2 is the same'],
    ['disorder', [bytes('b'), bytes('a')], 'must ascend'],
    ['a prefix behind', [bytes('aa'), bytes('a')], 'must ascend'],
    ['one longer than a key', [new Uint8Array(8193)], '8193 bytes'],
    ['too many', numbered(MOST_SPLIT_KEYS + 1, 3), '256 keys are more than 255'],
    ['too much of them', numbered(40, 8000), 'together'],
  ])('are refused with %s', (_what, keys, why) => {
    expect(splitKeysFault(keys)).toContain(why);
  });
});
