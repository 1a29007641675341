import { describeAcked } from './describe.js';

describe('describeAcked', () => {
  it('draws a bar for each voter and a question mark for one that nothing is known of', () => {
    const acked = new Map([
      [1, 100],
      [10, 7],
    ]);
    expect(describeAcked([1, 10, 11], (id) => acked.get(id) ?? null)).toBe(
      [
        '       idx',
        'xx>    100    (id=1)',
        'x>       7    (id=a)',
        '?        0    (id=b)',
        '',
      ].join('\n'),
    );
  });

  it('names the empty quorum', () => {
    expect(describeAcked([], () => null)).toBe('<empty majority quorum>');
  });
});
