import { membership } from '../../test/fake-membership.js';
import { AddressBook } from './address-book.js';

describe('address book', () => {
  it('begins with the record and this node’s address of today', () => {
    const book = new AddressBook(membership(1), 'new:1', []);
    expect(book.nodes().map((node) => node.address)).toEqual(['new:1', 'h:2', 'h:3']);
    expect(book.address(9)).toBe('');
  });

  it('learns a newer address of a peer, and only a good one', () => {
    const book = new AddressBook(membership(1), 'h:1', []);
    expect(book.learn(2, 'H:2')).toBe(false);
    expect(book.learn(2, 'not an address')).toBe(false);
    expect(book.learn(2, 'moved:2')).toBe(true);
    expect(book.address(2)).toBe('moved:2');
    expect(book.candidates(2)).toEqual(['moved:2', 'h:2']);
  });

  it('tries the listed addresses that are nobody else’s as well', () => {
    const book = new AddressBook(membership(1), 'h:1', ['h:1', 'h:2', 'h:3', 'x:2', 'x:3']);
    expect(book.candidates(2)).toEqual(['h:2', 'x:2', 'x:3']);
    book.learn(3, 'x:3');
    expect(book.candidates(2)).toEqual(['h:2', 'x:2']);
  });
});
