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
