import { recordingLogger } from '@dougdb/ports/sim';
import type { Replica, ScanIterator } from '@dougdb/replica';
import { DougError } from '@dougdb/rpc-proto';
import { membership } from '../../test/fake-membership.js';
import { initialMetaRows } from './initial-rows.js';
import { MetaReader } from './meta-reader.js';
import { encodeRow } from './row-format.js';

interface Row {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** The replica of the meta group, as its reader sees it. */
class FakeMeta {
  rows: Row[] = initialMetaRows(membership(1).record);
  revision = this.rows.length;
  scans = 0;
  closed = 0;
  refusal: DougError | null = null;

  scan(): Promise<{ iterator: ScanIterator }> {
    this.scans++;
    if (this.refusal !== null) return Promise.reject(this.refusal);
    const { rows } = this;
    // One buffer for all rows, as a real iterator may have.
    const borrowed = { key: new Uint8Array(0), value: new Uint8Array(0) };
    let at = -1;
    const iterator = {
      step: (): never => {
        throw new Error('few rows are read at once');
      },
      next: () => {
        const row = rows[++at];
        borrowed.key.fill(0xee);
        borrowed.value.fill(0xee);
        if (row === undefined) return false;
        borrowed.key = row.key.slice();
        borrowed.value = row.value.slice();
        return true;
      },
      seek: () => false,
      key: () => borrowed.key,
      value: () => borrowed.value,
      sequence: () => at + 1,
      expiresAt: () => 0,
      close: () => {
        this.closed++;
      },
    };
    return Promise.resolve({ iterator });
  }
}

function reading(meta: FakeMeta) {
  const logger = recordingLogger();
  const reader = new MetaReader(meta as unknown as Replica, logger);
  const look = async (): Promise<void> => {
    reader.look();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { reader, logger, look };
}

describe('the reader of the meta group', () => {
  it('reads rows when the revision has moved, and never otherwise', async () => {
    const meta = new FakeMeta();
    const { reader, look } = reading(meta);
    expect(reader.state.revision).toBe(0);
    await look();
    expect([reader.state.revision, reader.state.partitions.size, reader.state.nodes.size]).toEqual([
      8, 2, 3,
    ]);
    expect(reader.state.partitions.get(2)?.value.replicas.length).toBe(3);
    expect(reader.state.nodes.get(3)).toMatchObject({ value: { address: 'h:3' }, revision: 5 });
    const { state } = reader;
    for (let i = 0; i < 500; i++) await look();
    expect([meta.scans, meta.closed, reader.state === state]).toEqual([1, 1, true]);
    meta.rows.push(encodeRow({ kind: 'version', version: 3 }));
    meta.revision++;
    await look();
    expect([meta.scans, reader.state.revision]).toEqual([2, 9]);
  });

  it('keeps what it has while the replica refuses, and asks again after a pause', async () => {
    const meta = new FakeMeta();
    const { reader, look } = reading(meta);
    await look();
    meta.refusal = new DougError('CORRUPT', 'damaged');
    meta.revision++;
    for (let i = 0; i < 150; i++) await look();
    expect([meta.scans, reader.state.revision]).toEqual([3, 8]);
    meta.refusal = null;
    for (let i = 0; i < 100; i++) await look();
    expect(reader.state.revision).toBe(9);
  });

  it('passes over rows that it does not understand, and says so of those that are bad, once', async () => {
    const meta = new FakeMeta();
    const { key, value } = encodeRow({ kind: 'version', version: 3 });
    meta.rows.push({ key: Uint8Array.of(200), value }, { key, value: Uint8Array.of(1, 2) });
    meta.revision += 2;
    const { reader, logger, look } = reading(meta);
    await look();
    meta.revision++;
    await look();
    expect(reader.state.partitions.size).toBe(2);
    expect(logger.of('meta.row.bad').map((line) => line.fields.key)).toEqual(['04']);
  });

  it('has nothing to read where there is no replica', () => {
    const reader = new MetaReader(undefined, recordingLogger());
    reader.look();
    expect(reader.state.revision).toBe(0);
  });
});
