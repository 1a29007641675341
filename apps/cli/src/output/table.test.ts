import { table } from './table.js';

describe('table', () => {
  it('is as wide as its widest cells, two blanks apart, without blanks at the ends', () => {
    const rows = [
      { name: 'a', size: 1, note: 'first' },
      { name: 'longer', size: 1234, note: '' },
    ];
    expect(table(['name', 'size', 'note'], rows, { right: ['size'] })).toBe(
      ['NAME    SIZE  NOTE', 'a          1  first', 'longer  1234', ''].join('\n'),
    );
    expect(table(['note', 'size'], rows, { right: ['size'] })).toBe(
      ['NOTE   SIZE', 'first     1', '       1234', ''].join('\n'),
    );
    expect(table(['name'], rows)).toBe('NAME\na\nlonger\n');
    expect(table(['name', 'size'], [])).toBe('NAME  SIZE\n');
  });

  it('is aligned whatever the script', () => {
    const names = ['日本', 'é', 'e\u0301', 'नमस्ते', 'สวัสดี', '🇩🇪', '🫠', 'a'];
    const rows = names.map((name) => ({ name, size: 1 }));
    expect(table(['name', 'size'], rows, { right: ['size'] })).toBe(
      [
        ...['NAME  SIZE', '日本     1', 'é        1', 'e\u0301        1', 'नमस्ते      1'],
        ...['สวัสดี     1', '🇩🇪       1', '🫠       1', 'a        1', ''],
      ].join('\n'),
    );
  });

  it('keeps cells apart that stand side by side, and a mark that stands alone', () => {
    const rows = [{ a: '日', b: '本', c: '\u0301', d: 1 }];
    expect(table(['a', 'b', 'c', 'd'], rows, { right: ['d'] })).toBe(
      'A   B   C  D\n日  本  \u0301  1\n',
    );
  });

  it('does to lines what it is told', () => {
    const rows = [{ name: 'a', note: 'first' }];
    const style = {
      fit: (line: string) => line.slice(0, 7),
      heading: (line: string) => `<${line}>`,
    };
    expect(table(['name', 'note'], rows, style)).toBe('<NAME  N>\na     f\n');
  });

  it('lays out a long text at once', () => {
    // The library alone needs half a minute for it.
    const note = '日'.repeat(30_000);
    const name = '日'.repeat(2_700);
    expect(table(['name', 'note', 'size'], [{ name: note, note: name, size: 1 }])).toBe(
      `NAME${' '.repeat(59_998)}NOTE${' '.repeat(5_398)}SIZE\n${note}  ${name}  1\n`,
    );
    expect(table(['name', 'note'], [{ name, note }]).split('\n')[1]).toBe(`${name}  ${note}`);
  });

  it('lays out many rows alike', () => {
    const rows = Array.from({ length: 1_000 }, (_, i) => ({ name: `é${i}`, size: i }));
    const lines = table(['name', 'size'], rows, { right: ['size'] }).split('\n');
    expect(lines).toEqual([
      'NAME  SIZE',
      ...rows.map(({ name, size }) => name.padEnd(6) + String(size).padStart(4)),
      '',
    ]);
  });
});
