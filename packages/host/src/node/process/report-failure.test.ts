import { UsageError } from '../../usage-error.js';
import { reportFailure } from './report-failure.js';

describe('reportFailure', () => {
  let said: unknown[][];
  beforeEach(() => {
    said = [];
    jest.spyOn(console, 'error').mockImplementation((...words) => {
      said.push(words);
    });
  });
  afterEach(() => jest.restoreAllMocks());

  it('names the program and says what is wrong with its command line', () => {
    expect(reportFailure('doug-x', new UsageError('--listen: no'))).toBe(2);
    expect(said).toEqual([['doug-x: --listen: no']]);
  });

  it('leaves to the parser what the parser has said', () => {
    expect(reportFailure('doug-x', { code: 'commander.unknownOption', exitCode: 1 })).toBe(2);
    expect(reportFailure('doug-x', { code: 'commander.helpDisplayed', exitCode: 0 })).toBe(0);
    expect(said).toEqual([]);
  });

  it('shows the whole of a bug', () => {
    const bug = new TypeError('x is not a function');
    expect(reportFailure('doug-x', bug)).toBe(1);
    expect(said).toEqual([['doug-x: internal error:', bug]]);
  });
});
