/**
 * Ranges of code points that a terminal shows two columns wide: East Asian Wide and Fullwidth of Unicode
 * UAX #11, in whole blocks, and emoji. Good enough to align a table; not a terminal.
 */
const wide: readonly (readonly [from: number, to: number])[] = [
  [0x1100, 0x115f], // Hangul leading consonants
  [0x231a, 0x231b],
  [0x23e9, 0x23ec],
  [0x2614, 0x2615],
  [0x2648, 0x2653],
  [0x26aa, 0x26ab],
  [0x26bd, 0x26be],
  [0x26c4, 0x26c5],
  [0x26f2, 0x26f5],
  [0x2705, 0x2705],
  [0x270a, 0x270b],
  [0x2728, 0x2728],
  [0x274c, 0x274c],
  [0x2753, 0x2757],
  [0x2795, 0x2797],
  [0x2b1b, 0x2b1c],
  [0x2b50, 0x2b55],
  [0x2e80, 0x303e], // CJK radicals and punctuation
  [0x3041, 0xa4cf], // Kana, CJK ideographs, Yi
  [0xa960, 0xa97f],
  [0xac00, 0xd7a3], // Hangul syllables
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60], // fullwidth forms
  [0xffe0, 0xffe6],
  [0x16fe0, 0x18cff],
  [0x1aff0, 0x1b2ff],
  [0x1f004, 0x1f004],
  [0x1f0cf, 0x1f0cf],
  [0x1f18e, 0x1f19a],
  [0x1f1e6, 0x1f202], // flags: two of these make one sign
  [0x1f210, 0x1f320],
  [0x1f32d, 0x1f64f],
  [0x1f680, 0x1f6ff],
  [0x1f7e0, 0x1f7eb],
  [0x1f90c, 0x1faff],
  [0x20000, 0x3fffd], // CJK extensions
];

const signs = new Intl.Segmenter('en', { granularity: 'grapheme' });
const plain = /^[\x20-\x7e]*$/;

/** Columns that a terminal uses for a text without control characters. */
export function width(text: string): number {
  if (plain.test(text)) return text.length;
  let columns = 0;
  for (const sign of signsOf(text)) columns += signWidth(sign);
  return columns;
}

/** Text cut to so many columns, with a mark if something is missing; no sign is cut in two. */
export function cut(text: string, columns: number): string {
  let used = 0;
  let kept = 0;
  for (const sign of signsOf(text)) {
    used += signWidth(sign);
    if (used > columns) return `${text.slice(0, kept)}…`;
    if (used < columns) kept += sign.length;
  }
  return text;
}

/** Text is taken apart in pieces of this length: Intl.Segmenter needs a minute for a long one. */
const pieceLength = 4096;

function* signsOf(text: string): Generator<string> {
  let at = 0;
  while (at < text.length) {
    const end = at + pieceLength;
    const isPairCut = (text.codePointAt(end - 1) ?? 0) > 0xffff;
    const piece = text.slice(at, isPairCut ? end + 1 : end);
    const isLast = at + piece.length === text.length;
    for (const { segment, index } of signs.segment(piece)) {
      // What reaches the end of a piece may go on behind it: the next piece begins with it.
      const isOpen = !isLast && index > 0 && index + segment.length === piece.length;
      if (isOpen) break;
      yield segment;
      at += segment.length;
    }
  }
}

/** Columns of one sign: of its first character; marks that join it take none. */
function signWidth(sign: string): number {
  const code = sign.codePointAt(0) ?? 0;
  // A mark without anything before it.
  if (/^\p{M}/u.test(sign)) return 0;
  // U+FE0F asks for the picture instead of the sign.
  return isWide(code) || sign.includes('\ufe0f') ? 2 : 1;
}

function isWide(code: number): boolean {
  let low = 0;
  let high = wide.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const [from, to] = wide[middle] as readonly [number, number];
    if (code < from) high = middle;
    else if (code > to) low = middle + 1;
    else return true;
  }
  return false;
}
