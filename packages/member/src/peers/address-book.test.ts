import { membership, uuidOf } from '../../test/fake-membership.js';
import { AddressBook } from './address-book.js';

const row = (nodeId: number, address: string) => ({ nodeId, uuid: uuidOf(nodeId), address });

describe('address book', () => {
  it('begins with the record and this node’s address of today', () => {
    const book = new AddressBook(membership(1), 'new:1', []);
    expect(book.nodes().map((node) => node.address)).toEqual(['new:1', 'h:2', 'h:3']);
    expect(book.address(9)).toBe('');
    expect([1, 2, 9].map((nodeId) => book.saidBy(nodeId))).toEqual(['new:1', '', '']);
  });

  it('learns a newer address of a peer, and only a good one', () => {
    const book = new AddressBook(membership(1), 'h:1', []);
    const moved: number[] = [];
    book.onMoved = (nodeId) => moved.push(nodeId);
    book.heard(2, 'H:2');
    book.heard(2, 'not an address');
    book.heard(9, 'h:9');
    expect([moved, book.version, book.saidBy(2)]).toEqual([[], 0, 'h:2']);
    book.heard(2, 'moved:2');
    expect([moved, book.version, book.saidBy(2)]).toEqual([[2], 1, 'moved:2']);
    expect(book.address(2)).toBe('moved:2');
    expect(book.candidates(2)).toEqual(['moved:2', 'h:2']);
  });

  it('tries the listed addresses that are nobody else’s as well', () => {
    const book = new AddressBook(membership(1), 'h:1', ['h:1', 'h:2', 'h:3', 'x:2', 'x:3']);
    expect(book.candidates(2)).toEqual(['h:2', 'x:2', 'x:3']);
    book.heard(3, 'x:3');
    expect(book.candidates(2)).toEqual(['h:2', 'x:2']);
  });

  it('takes from the meta group what it has not heard itself', () => {
    const book = new AddressBook(membership(1), 'h:1', []);
    book.told(row(2, 'meta:2'));
    book.told(row(9, 'meta:9'));
    book.told(row(3, 'not an address'));
    expect(book.nodes().map((node) => node.address)).toEqual(['h:1', 'meta:2', 'h:3']);
    expect(book.candidates(2)).toEqual(['meta:2', 'h:2']);
  });

  it('believes a handshake more than the first row, which may be older', () => {
    const book = new AddressBook(membership(1), 'h:1', []);
    book.heard(2, 'moved:2');
    book.told(row(2, 'h:2'));
    expect([book.address(2), book.saidBy(2)]).toEqual(['moved:2', 'moved:2']);
    book.told(row(2, 'moved:2'));
    expect([book.address(2), book.saidBy(2)]).toEqual(['moved:2', 'moved:2']);
  });

  it('believes a row that changes later more than an old handshake: somebody has heard more', () => {
    const book = new AddressBook(membership(1), 'h:1', []);
    book.heard(2, 'old:2');
    book.told(row(2, 'old:2'));
    book.told(row(2, 'new:2'));
    book.told(row(2, 'new:2'));
    expect([book.address(2), book.saidBy(2)]).toEqual(['new:2', '']);
    book.heard(2, 'newest:2');
    expect([book.address(2), book.saidBy(2)]).toEqual(['newest:2', 'newest:2']);
  });

  it('knows its own address best', () => {
    const book = new AddressBook(membership(1), 'today:1', []);
    book.told(row(1, 'h:1'));
    book.told(row(1, 'other:1'));
    expect([book.address(1), book.saidBy(1)]).toEqual(['today:1', 'today:1']);
  });
});
