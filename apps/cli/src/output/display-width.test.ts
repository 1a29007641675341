import { cut, width } from './display-width.js';

describe('width', () => {
  it.each([
    ['', 0],
    ['abc', 3],
    ['é', 1],
    ['e\u0301', 1],
    ['\u0301', 0],
    ['日本', 4],
    ['한국', 4],
    ['ｗｉｄｅ', 8],
    ['Ω≈ç', 3],
    ['🚀', 2],
    ['👍🏽', 2],
    ['🇩🇪', 2],
    ['❤️', 2],
    ['❤', 1],
    ['𠀀', 2],
    ['नमस्ते', 3],
  ])('of %j is %d', (text, columns) => {
    expect(width(text)).toBe(columns);
  });
});

describe('a long text', () => {
  it.each([
    ['日', 2],
    ['🇩🇪', 2],
    ['👍🏽', 2],
    ['e\u0301', 1],
    ['a🇫🇷', 3],
  ])('of %j again and again has the width of each of them', (sign, columns) => {
    expect(width(sign.repeat(5_000))).toBe(5_000 * columns);
    expect(width(`x${sign.repeat(5_000)}`)).toBe(1 + 5_000 * columns);
    const short = cut(sign.repeat(5_000), 4_999 * columns);
    expect(short.startsWith(sign.repeat(4_998))).toBe(true);
    expect(short.endsWith('…')).toBe(true);
    expect(width(short)).toBeLessThanOrEqual(4_999 * columns);
  });

  it('of one sign ends too', () => {
    expect(width(`e${'\u0301'.repeat(10_000)}`)).toBe(1);
  });

  it('is measured, and cut, at once', () => {
    const value = '日'.repeat(350_000);
    expect(width(value)).toBe(700_000);
    expect(cut(value, 5)).toBe('日日…');
  });
});

describe('cut', () => {
  it.each([
    ['abcdef', 6, 'abcdef'],
    ['abcdef', 5, 'abcd…'],
    ['日本語', 6, '日本語'],
    ['日本語', 5, '日本…'],
    ['日本語', 4, '日…'],
    ['ae\u0301io', 3, 'ae\u0301…'],
    ['🇩🇪🇫🇷', 3, '🇩🇪…'],
    ['abc', 1, '…'],
  ])('of %j to %d columns is %j', (text, columns, expected) => {
    expect(cut(text, columns)).toBe(expected);
    expect(width(cut(text, columns))).toBeLessThanOrEqual(columns);
  });
});
