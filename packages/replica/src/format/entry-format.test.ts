import { crc32 } from '@dougdb/ports';
import { encodeDelete, encodePut, limits } from '@dougdb/rpc-proto';
import fc from 'fast-check';
import { codeOf } from '../error-code.js';
import { ENTRY_HEADER_BYTES, EntryCursor, entryIsWhole, logTimeOfEntry } from './entry-format.js';
import { EntryWriter } from './entry-writer.js';

const text = new TextEncoder();
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function commandsOf(data: Uint8Array): Uint8Array[] {
  const cursor = new EntryCursor();
  cursor.open(data);
  const commands: Uint8Array[] = [];
  while (cursor.next()) commands.push(cursor.data.slice(cursor.start, cursor.end));
  return commands;
}

function codeOfOpening(data: Uint8Array): unknown {
  try {
    new EntryCursor().open(data);
    return null;
  } catch (error) {
    return codeOf(error);
  }
}

describe('entry format', () => {
  it('has these bytes', () => {
    const writer = new EntryWriter();
    const put = encodePut(null, text.encode('k'), text.encode('v'));
    const del = encodeDelete(null, text.encode('k'));
    writer.add(put, 0, put.length);
    writer.add(del, 0, del.length);
    const { data, checksum } = writer.take(0x1_2345_6789, 7);
    expect(hex(data)).toBe(
      '01' + // format
        '01' + // kind
        '0200' + // commands
        '8967452301000000' + // log time
        '0700000000000000' + // epoch.version
        '08000000' +
        '12060a016b120176' +
        '05000000' +
        '1a030a016b',
    );
    expect(checksum).toBe(crc32(data));
  });

  it('gives back what was put in, whatever lies around it', () => {
    const command = fc.uint8Array({ minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(
        fc.array(fc.array(command, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 6 }),
        fc.maxSafeNat(),
        (entries, logTime) => {
          // One writer for all: an entry must not reach into the one before it.
          const writer = new EntryWriter();
          const made = entries.map((commands, i) => {
            for (const bytes of commands) {
              const padded = new Uint8Array([9, ...bytes, 9]);
              writer.add(padded, 1, 1 + bytes.length);
            }
            return writer.take(logTime, i + 1);
          });
          made.forEach(({ data, checksum }, i) => {
            expect(commandsOf(data)).toEqual(entries[i]);
            expect(entryIsWhole(data, checksum)).toBe(true);
            expect(logTimeOfEntry(data)).toBe(logTime);
          });
        },
      ),
    );
  });

  it('copies commands into slabs that grow with the entry', () => {
    const writer = new EntryWriter();
    const big = new Uint8Array(100_000).fill(7);
    writer.add(big, 0, 10);
    writer.add(big, 0, big.length);
    expect(commandsOf(writer.take(1, 1).data).map((c) => c.length)).toEqual([10, 100_000]);
  });

  it('closes at the limits of bytes and of commands, but takes any first command', () => {
    const writer = new EntryWriter({ ...limits, entryBytes: 100, entryCommands: 2 });
    expect(writer.hasRoom(10_000)).toBe(true);
    const bytes = new Uint8Array(10);
    writer.add(bytes, 0, 10);
    expect(writer.hasRoom(100 - ENTRY_HEADER_BYTES - 14 - 4)).toBe(true);
    expect(writer.hasRoom(100 - ENTRY_HEADER_BYTES - 14 - 3)).toBe(false);
    writer.add(bytes, 0, 10);
    expect(writer.hasRoom(1)).toBe(false);
    expect(writer.count).toBe(2);
  });

  it('forgets the open entry on clear', () => {
    const writer = new EntryWriter();
    writer.add(new Uint8Array([1]), 0, 1);
    writer.clear();
    expect(writer.count).toBe(0);
    expect(writer.sizeBytes).toBe(0);
    writer.add(new Uint8Array([2]), 0, 1);
    expect(commandsOf(writer.take(1, 1).data)).toEqual([new Uint8Array([2])]);
  });

  it('INVARIANT(entry-whole): any changed byte fails the checksum', () => {
    const writer = new EntryWriter();
    writer.add(text.encode('command'), 0, 7);
    const { data, checksum } = writer.take(5, 1);
    for (let at = 0; at < data.length; at++) {
      const damaged = data.slice();
      damaged[at]! ^= 0x10;
      expect(entryIsWhole(damaged, checksum)).toBe(false);
    }
  });

  it('stops at a format or kind that it does not know, and at any wrong structure', () => {
    const writer = new EntryWriter();
    writer.add(text.encode('abc'), 0, 3);
    const { data } = writer.take(5, 1);
    const changed = (at: number, value: number): Uint8Array => {
      const bytes = data.slice();
      bytes[at] = value;
      return bytes;
    };
    const wrong = [
      changed(0, 2),
      changed(1, 2),
      changed(2, 0),
      changed(2, 2),
      changed(10, 0xff),
      changed(18, 0xff),
      changed(20, 4),
      changed(23, 0x80),
      data.subarray(0, data.length - 1),
      data.subarray(0, 10),
      new Uint8Array([...data, 0]),
    ];
    for (const bytes of wrong) expect(codeOfOpening(bytes)).toBe('REPLICA_ENTRY_FORMAT');
    expect(codeOfOpening(data)).toBeNull();
  });

  it('answers garbage with its error and nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.boolean(), (bytes, withHeader) => {
        const data = withHeader ? new Uint8Array([1, 1, 1, 0, ...bytes]) : bytes;
        expect([null, 'REPLICA_ENTRY_FORMAT']).toContain(codeOfOpening(data));
        expect(logTimeOfEntry(data)).toBeGreaterThanOrEqual(0);
      }),
      { numRuns: 500 },
    );
  });
});
