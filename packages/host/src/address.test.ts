import { addressOf, hostOf, isLoopback, portOf } from './address.js';

describe('addresses', () => {
  it('are taken apart and put together', () => {
    for (const address of ['127.0.0.1:1', 'host:4400', '[::1]:65535']) {
      expect(addressOf(hostOf(address), portOf(address))).toBe(address);
    }
    expect(hostOf('[::1]:1')).toBe('::1');
  });

  it('are loopback or not', () => {
    const all = ['127.0.0.1:1', '127.9.9.9:1', 'localhost:1', '[::1]:1', '128.0.0.1:1', 'h:1'];
    expect(all.map(isLoopback)).toEqual([true, true, true, true, false, false]);
  });
});
