import { compareAddresses, normalAddress, normalJoin } from './address.js';

describe('addresses', () => {
  it('have one form', () => {
    expect(normalAddress(' Node-1.Example:04400 ')).toBe('node-1.example:4400');
    expect(normalAddress('[::1]:1')).toBe('[::1]:1');
  });

  it.each([
    '',
    'host',
    'host:',
    ':1',
    'host:0',
    'host:65536',
    'a b:1',
    'http://h:1',
    '::1:44',
    'h:1:2',
  ])('refuses %p', (text) => {
    expect(() => normalAddress(text)).toThrow(
      expect.objectContaining({ code: 'MEMBER_USAGE', exitCode: 2 }),
    );
  });

  it('are ordered by host, then by port as a number', () => {
    const sorted = ['b:1', 'a:10', 'a:9'].sort(compareAddresses);
    expect(sorted).toEqual(['a:9', 'a:10', 'b:1']);
    expect(compareAddresses('a:1', 'a:1')).toBe(0);
  });

  it('of --join are refused when two are the same', () => {
    expect(normalJoin(['b:1', 'A:2'])).toEqual(['a:2', 'b:1']);
    expect(() => normalJoin(['A:2', 'a:02'])).toThrow(
      expect.objectContaining({ code: 'MEMBER_USAGE', exitCode: 2 }),
    );
  });
});
