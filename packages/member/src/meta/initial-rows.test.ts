import { makeRecord } from '../genesis/record.js';
import { initialMetaRows } from './initial-rows.js';
import { decodeRow } from './row-format.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const founders = [1, 2, 3].map((at) => ({ uuid: new Uint8Array(16).fill(at), address: `h:${at}` }));
const settings = {
  replicationFactor: 5,
  heartbeatMs: 50,
  electionMinMs: 160,
  leaseReads: false,
  splitAt: [bytes('g'), bytes('p')],
};

describe('what the meta group holds from genesis on', () => {
  it('is everything in the record, in the order of the keys', () => {
    const record = makeRecord(founders, settings, new Uint8Array(16).fill(1), 1.7e12);
    const rows = initialMetaRows(record).map(({ key, value }) => decodeRow(key, value));
    expect(rows.map((row) => row.kind)).toEqual([
      ...Array.from({ length: 4 }, () => 'partition'),
      ...['node', 'node', 'node', 'settings', 'version', 'next-ids'],
    ]);
    const [meta, first, , last] = record.partitions;
    expect(rows[0]).toMatchObject({ kind: 'partition', descriptor: meta });
    expect(rows[1]).toMatchObject({ kind: 'partition', descriptor: first });
    expect(rows[3]).toMatchObject({ kind: 'partition', descriptor: last });
    expect(rows.at(-1)).toEqual({
      kind: 'next-ids',
      ids: { partition: 5, replica: 113, node: 4 },
    });
  });

  it('does not depend on who makes it', () => {
    const one = makeRecord(founders, settings, new Uint8Array(16).fill(1), 1.7e12);
    const other = makeRecord([...founders].reverse(), settings, new Uint8Array(16).fill(1), 1.7e12);
    expect(initialMetaRows(other)).toEqual(initialMetaRows(one));
  });
});
