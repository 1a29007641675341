import { parseHistory } from './parse-history.js';

const put = (fields: object): string =>
  JSON.stringify({ process: 1, op: 'put', key: 'a', value: 'v', status: 'ok', ...fields });

describe('parseHistory', () => {
  it('counts lines as an editor does, and skips comments and blank ones', () => {
    const text = [
      '# a comment',
      '',
      put({ invoke: 5, return: 6 }),
      '  # another',
      '\t',
      `  ${put({ invoke: 1, return: 2 })}\r`,
    ].join('\n');
    expect(parseHistory(text).operations.map(({ line }) => line)).toEqual([3, 6]);
    expect(parseHistory(`${text}\n`).operations).toHaveLength(2);
    expect(() => parseHistory(`${text}\n{`)).toThrow('line 7: not JSON');
  });

  it('takes nothing for a history without operations', () => {
    expect(parseHistory('')).toEqual({ operations: [], timeUnit: 'ns' });
    expect(parseHistory('# nothing\n').operations).toEqual([]);
  });

  it('counts times from the earliest call', () => {
    const { operations, timeUnit } = parseHistory(
      [
        put({ invoke: '9007199254740993', return: '9007199254740994' }),
        put({ process: 2, invoke: 9007199254740991, return: '9007199254740995' }),
      ].join('\n'),
    );
    expect(timeUnit).toBe('ns');
    expect(operations.map((it) => [it.invoke, it.return])).toEqual([
      [2, 3],
      [0, 4],
    ]);
  });

  it('keeps the order of times that are too far apart for numbers', () => {
    const { operations, timeUnit } = parseHistory(
      [
        put({ invoke: '0', return: '18014398509481985' }),
        put({ process: 2, invoke: '18014398509481984', return: '018014398509481985' }),
        put({ process: 3, invoke: '18014398509481986', return: '18014398509481987' }),
      ].join('\n'),
    );
    expect(timeUnit).toBe('rank');
    expect(operations.map((it) => [it.invoke, it.return])).toEqual([
      [0, 2],
      [1, 2],
      [3, 4],
    ]);
  });

  it('lets an unknown end never, whenever it was given up', () => {
    const { operations } = parseHistory(
      [
        put({ status: 'unknown', invoke: 7, return: 9 }),
        put({ process: 2, status: 'unknown', invoke: 8 }),
      ].join('\n'),
    );
    expect(operations.map((it) => [it.invoke, it.return])).toEqual([
      [0, Number.POSITIVE_INFINITY],
      [1, Number.POSITIVE_INFINITY],
    ]);
  });

  describe('lets a process do one thing at a time', () => {
    it.each([
      ['one after another', [1, 2], [3, 4]],
      ['touching: the clock may be coarse', [1, 2], [2, 3]],
      ['in no time', [2, 2], [2, 2]],
      ['in no time, then more', [2, 3], [2, 2]],
    ])('%s', (_, a, b) => {
      const lines = [a, b].map(([invoke, ret]) => put({ invoke, return: ret }));
      expect(parseHistory(lines.join('\n')).operations).toHaveLength(2);
    });

    it('and others meanwhile, also one whose name only looks the same', () => {
      const lines = [put({ invoke: 1, return: 5 }), put({ process: '1', invoke: 2, return: 3 })];
      expect(parseHistory(lines.join('\n')).operations).toHaveLength(2);
    });

    it.each([
      [
        'an overlap',
        [put({ invoke: 5, return: 9 }), put({ invoke: 1, return: 6 })],
        'line 2: process 1 overlaps with its own operation of line 1',
      ],
      [
        'the same line twice',
        [put({ invoke: 1, return: 2 }), '#', put({ invoke: 1, return: 2 })],
        'line 3: process 1 overlaps with its own operation of line 1',
      ],
      [
        'one that failed',
        [put({ invoke: 1, return: 9, status: 'fail' }), put({ invoke: 2, return: 3 })],
        'line 2: process 1 overlaps with its own operation of line 1',
      ],
      [
        'going on after an unknown',
        [
          put({ process: 'w', invoke: 5, return: 6 }),
          put({ process: 'w', invoke: 1, return: 2, status: 'unknown' }),
        ],
        'line 2: process "w" went on after an unknown outcome (lines 2 and 1); it needs a new name then',
      ],
      [
        'the first of several',
        [
          put({ process: 2, invoke: 1, return: 3 }),
          put({ invoke: 1, return: 3 }),
          put({ invoke: 2, return: 3 }),
          put({ process: 2, invoke: 2, return: 3 }),
        ],
        'line 3: process 1 overlaps with its own operation of line 2',
      ],
    ])('refuses %s', (_, lines, message) => {
      expect(() => parseHistory(lines.join('\n'))).toThrow(message);
    });
  });
});
