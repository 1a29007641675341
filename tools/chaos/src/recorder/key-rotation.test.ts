import { KeyRotation } from './key-rotation.js';

describe('KeyRotation', () => {
  it('gives a slot a new key after so many operations', () => {
    const rotation = new KeyRotation({ slots: 2, maxOperations: 3 });
    const keys = Array.from({ length: 7 }, () => rotation.next(0));
    expect(keys).toEqual(['k0.0', 'k0.0', 'k0.0', 'k0.1', 'k0.1', 'k0.1', 'k0.2']);
    expect(rotation.next(1)).toBe('k1.0');
  });

  it('gives it one after so many unknown outcomes too', () => {
    const rotation = new KeyRotation({ slots: 1, maxUnknown: 2, prefix: 'x' });
    expect(rotation.next(0)).toBe('x0.0');
    rotation.noteUnknown('x0.0');
    expect(rotation.next(0)).toBe('x0.0');
    rotation.noteUnknown('x0.0');
    expect(rotation.next(0)).toBe('x0.1');
    // Of a key that is no longer in use: nothing more to do.
    rotation.noteUnknown('x0.0');
    rotation.noteUnknown('x0.0');
    expect(rotation.next(0)).toBe('x0.1');
  });

  it('uses 300 operations and 10 unknown outcomes unless told otherwise', () => {
    const rotation = new KeyRotation({ slots: 1 });
    for (let i = 0; i < 300; i++) expect(rotation.next(0)).toBe('k0.0');
    expect(rotation.next(0)).toBe('k0.1');
    for (let i = 0; i < 10; i++) rotation.noteUnknown('k0.1');
    expect(rotation.next(0)).toBe('k0.2');
  });

  it('never gives a value or a key twice', () => {
    const rotation = new KeyRotation({ slots: 12, maxOperations: 1 });
    const values = Array.from({ length: 1000 }, () => rotation.nextValue());
    const keys = Array.from({ length: 1200 }, (_, i) => rotation.next(i % 12));
    expect(new Set([...values, ...keys]).size).toBe(2200);
  });

  it.each([
    [{ slots: 0 }, 'slots must be an integer of at least 1, not 0'],
    [{ slots: 1.5 }, 'slots must be'],
    [{ slots: 1, maxOperations: 0 }, 'maxOperations must be'],
    [{ slots: 1, maxUnknown: -1 }, 'maxUnknown must be'],
  ])('refuses %j', (options, message) => {
    expect(() => new KeyRotation(options)).toThrow(message);
  });

  it('refuses a slot that is not there', () => {
    expect(() => new KeyRotation({ slots: 2 }).next(2)).toThrow('there is no slot 2');
  });
});
