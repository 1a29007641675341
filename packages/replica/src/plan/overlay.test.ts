import fc from 'fast-check';
import { bytesOf, textOf } from '../../test/support/commands.js';
import { Overlay } from './overlay.js';

const key = fc.stringMatching(/^[a-c]{0,3}$/);

describe('Overlay', () => {
  it('keeps of each key the last word, in the order of the keys, whatever the order of the words', () => {
    const words = fc.array(fc.tuple(key, fc.option(fc.string({ maxLength: 2 }))));
    fc.assert(
      fc.property(words, key, key, (all, start, end) => {
        const overlay = new Overlay();
        const model = new Map<string, string | null>();
        for (const [name, value] of all) {
          const bytes = value === null ? null : bytesOf(value);
          overlay.add({ key: bytesOf(name), value: bytes, expiresAt: 0 });
          model.set(name, value);
        }
        const shown = (effects: Overlay['effects']): unknown[] =>
          effects.map((each) => [textOf(each.key), each.value && textOf(each.value)]);
        const sorted = [...model].sort(([a], [b]) => (a < b ? -1 : 1));
        expect(shown(overlay.effects)).toEqual(sorted);
        const inside = sorted.filter(([name]) => name >= start && (end === '' || name < end));
        expect(shown(overlay.within(bytesOf(start), bytesOf(end)))).toEqual(inside);
        const found = overlay.find(bytesOf(start));
        expect(shown(found === null ? [] : [found])).toEqual(
          sorted.filter(([name]) => name === start),
        );
      }),
    );
  });
});
