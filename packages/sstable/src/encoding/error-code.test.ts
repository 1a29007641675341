import { SstError } from '../contract.js';
import { codeOf, isNoSpace, toSstError } from './error-code.js';

describe('errors of the file system', () => {
  it('become SST_IO or SST_NO_SPACE by their code, cause kept', () => {
    const full = Object.assign(new Error('disk full'), { code: 'ENOSPC' });
    expect(toSstError(full, 'a write', '/f')).toMatchObject({
      code: 'SST_NO_SPACE',
      file: '/f',
      cause: full,
    });
    expect(toSstError(new Error('boom'), 'a write')).toMatchObject({ code: 'SST_IO', file: null });
    expect(toSstError('boom', 'a write').message).toBe('a write failed: boom');
  });

  it('pass as they are if they are ours', () => {
    const ours = new SstError('SST_CORRUPT', 'x', { file: '/f', offset: 3 });
    expect(toSstError(ours, 'reading')).toBe(ours);
  });

  it('mean a full disk also as the cause of another error', () => {
    const inner = Object.assign(new Error('disk full'), { code: 'EDQUOT' });
    expect(isNoSpace(Object.assign(new Error('x', { cause: inner }), { code: 'WAL_FAILED' }))).toBe(
      true,
    );
    expect(isNoSpace(new Error('x', { cause: new Error('y') }))).toBe(false);
    expect(isNoSpace(null)).toBe(false);
  });

  it('may be anything', () => {
    expect(codeOf(undefined)).toBeNull();
    expect(codeOf({ code: 7 })).toBeNull();
  });
});
