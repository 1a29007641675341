import { parseDirectives } from '../conformance/datadriven.js';

describe('parseDirectives', () => {
  it('reads commands, arguments, input and output', () => {
    const source = [
      '# a comment',
      '',
      'propose 1 text=(a, (b, c),d) \\',
      '  flag',
      'first line',
      'second line',
      '----',
      'ok',
      '  indented',
      '',
      '# another',
      'empty x=()',
      '----',
      '',
      'last one=two',
      '----',
      'end',
    ].join('\n');
    expect(parseDirectives(source)).toEqual([
      {
        line: 3,
        cmd: 'propose',
        args: [
          { key: '1', values: [] },
          { key: 'text', values: ['a', '(b, c)', 'd'] },
          { key: 'flag', values: [] },
        ],
        input: 'first line\nsecond line',
        expected: 'ok\n  indented\n',
      },
      { line: 12, cmd: 'empty', args: [{ key: 'x', values: [] }], input: '', expected: '' },
      {
        line: 15,
        cmd: 'last',
        args: [{ key: 'one', values: ['two'] }],
        input: '',
        expected: 'end\n',
      },
    ]);
  });

  it('reads output with blank lines between double dashes', () => {
    const source = 'cmd\n----\n----\na\n\nb\n----\n----\n\nnext\n----\nok\n';
    expect(parseDirectives(source).map((d) => d.expected)).toEqual(['a\n\nb\n', 'ok\n']);
  });
});
