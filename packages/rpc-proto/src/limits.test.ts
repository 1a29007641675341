import { assertLimits, type LimitTable, limits } from './limits.js';

const KIB = 1024;

describe('limits', () => {
  it('hold together by default', () => {
    expect(() => assertLimits(limits)).not.toThrow();
  });

  it('are the public ones, and frozen', () => {
    expect(limits).toMatchObject({
      keyBytes: 8 * KIB,
      valueBytes: 1024 * KIB,
      requestBytes: 4096 * KIB,
      txnOps: 128,
      commandKeys: 1024,
      scanChunkBytes: 1024 * KIB,
      entryBytes: 256 * KIB,
      entryCommands: 1024,
      peerEntryBytes: 16_384 * KIB,
      pipeBatchItems: 256,
      pipeBatchBytes: 256 * KIB,
      pipeWindowItems: 4096,
      sessionOpenSeqs: 1024,
      sessionResultBytes: 4 * KIB,
      sessionTableBytes: 3072 * KIB,
    });
    expect(Object.isFrozen(limits)).toBe(true);
  });

  const bad: [string, Partial<LimitTable>, RegExp][] = [
    [
      'a request that a peer refuses',
      { requestBytes: limits.peerEntryBytes },
      /requestBytes \+ env.*peerEntryBytes/,
    ],
    [
      'a request that just fills a peer',
      { peerEntryBytes: limits.requestBytes + limits.envelopeBytes },
      /peerEntryBytes/,
    ],
    [
      'a peer message that the log refuses',
      { walEntryBytes: limits.peerEntryBytes },
      /peerEntryBytes .* walEntryBytes/,
    ],
    [
      'a value that fills a request',
      { valueBytes: limits.requestBytes },
      /valueBytes.*requestBytes/,
    ],
    [
      'a batch that fills a request',
      { pipeBatchBytes: 3 * KIB * KIB },
      /pipeBatchBytes.*requestBytes/,
    ],
    [
      'a chunk that fills an answer',
      { scanChunkBytes: 3 * KIB * KIB },
      /scanChunkBytes.*requestBytes/,
    ],
    [
      'an entry mark above a peer message',
      { entryBytes: limits.peerEntryBytes },
      /entryBytes.*peerEntryBytes/,
    ],
    ['a queue smaller than a request', { admittedBytes: limits.requestBytes }, /admittedBytes/],
    [
      'a proposal queue smaller than a request',
      { uncommittedBytes: limits.requestBytes },
      /uncommittedBytes/,
    ],
    [
      'an answer queue smaller than an answer',
      { answerQueueBytes: limits.requestBytes },
      /answerQueueBytes/,
    ],
    [
      'a peer queue smaller than an entry',
      { peerDataBytes: limits.peerEntryBytes },
      /peerDataBytes/,
    ],
    ['a batch above the window', { pipeBatchItems: limits.pipeWindowItems + 1 }, /pipeBatchItems/],
    [
      'a result that fills the table',
      { sessionResultBytes: limits.sessionTableBytes },
      /sessionResultBytes/,
    ],
    ['zero', { keyBytes: 0 }, /keyBytes is 0/],
    ['a fraction', { keyBytes: 1.5 }, /keyBytes is 1.5/],
    ['not a number', { keyBytes: Number.NaN }, /keyBytes is NaN/],
  ];
  it.each(bad)('refuse %s', (_what, change, message) => {
    const code = 'DOUG_INVALID_ARGUMENT';
    expect(() => assertLimits({ ...limits, ...change })).toThrow(message);
    expect(() => assertLimits({ ...limits, ...change })).toThrow(expect.objectContaining({ code }));
  });
});
