import { MemberError } from '../member-error.js';
import { asMemberError } from './fatal.js';

describe('what an error means for the process', () => {
  it.each([
    ['WAL_CORRUPT', 3],
    ['WAL_NEWER_FORMAT', 3],
    ['SST_CORRUPT', 3],
    ['SST_FOREIGN', 3],
    ['REPLICA_HARD_STATE', 3],
    ['REPLICA_LOG_LOST', 3],
    ['HARD_STATE_CORRUPT', 3],
    ['WAL_FAILED', 4],
    ['SST_IO', 4],
    ['HARD_STATE_FAILED', 4],
    ['EIO', 4],
    ['ENOSPC', 1],
    ['WAL_NO_SPACE', 1],
    ['RAFT_INVARIANT', 1],
    ['toString', 1],
  ])('%s is exit code %i', (code, exitCode) => {
    const cause = Object.assign(new Error('it broke'), { code });
    expect(asMemberError(cause, 'doing it')).toMatchObject({
      exitCode,
      cause,
      message: 'doing it: it broke',
    });
  });

  it('names file and offset of the damage once', () => {
    const damage = { code: 'WAL_CORRUPT', message: 'bad frame', file: '/d/1.wal', offset: 512 };
    expect(asMemberError(damage, 'opening').message).toBe(
      'opening: bad frame (/d/1.wal at offset 512)',
    );
    const told = { ...damage, message: 'bad frame in /d/1.wal' };
    expect(asMemberError(told, 'opening').message).toBe('opening: bad frame in /d/1.wal');
    expect(asMemberError({ code: 'SST_IO', message: 'm', file: 'f' }, 'x').message).toBe(
      'x: m (f)',
    );
  });

  it('takes what is no error at all', () => {
    expect(asMemberError('a string', 'x')).toMatchObject({ exitCode: 1, message: 'x: a string' });
    expect(asMemberError(null, 'x').exitCode).toBe(1);
    const known = new MemberError('MEMBER_LOCKED', 'held');
    expect(asMemberError(known, 'x')).toBe(known);
  });
});
