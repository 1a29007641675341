import {
  formatIdentity,
  mayBeAlive,
  ownIdentity,
  parseIdentity,
  readText,
} from './process-identity.js';

describe('ProcessIdentity', () => {
  const own = ownIdentity();

  it('knows this process to be alive, and its parent', () => {
    expect(own.pid).toBe(process.pid);
    expect(mayBeAlive(own)).toBe(true);
    expect(mayBeAlive({ ...own, pid: process.ppid, startTime: '' })).toBe(true);
  });

  it('knows a process to be gone if its pid is free, or in use again, or from before the boot', () => {
    // Above the largest pid that Linux gives out.
    expect(mayBeAlive({ ...own, pid: 4_194_305 })).toBe(false);
    expect(mayBeAlive({ ...own, pid: 4_194_305, startTime: '' })).toBe(false);
    expect(mayBeAlive({ ...own, startTime: '1' })).toBe(false);
    expect(mayBeAlive({ ...own, bootId: '00000000-0000-0000-0000-000000000000' })).toBe(false);
  });

  it('reads what it has written, and nothing else', () => {
    expect(parseIdentity(formatIdentity(own))).toEqual(own);
    expect(parseIdentity(formatIdentity({ pid: 1, startTime: '', bootId: '' }))).toEqual({
      pid: 1,
      startTime: '',
      bootId: '',
    });
    for (const text of ['', '123', 'pid x\nstart 1\nboot a\n', `${formatIdentity(own)}more`]) {
      expect(parseIdentity(text)).toBeNull();
    }
  });

  it('has no text for what cannot be read', () => {
    expect(readText('/no/such/file')).toBeNull();
  });
});
