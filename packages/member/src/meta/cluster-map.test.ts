import { recordingLogger } from '@dougdb/ports/sim';
import type { Replica } from '@dougdb/replica';
import type { PartitionDescriptor } from '@dougdb/rpc-proto';
import { membership } from '../../test/fake-membership.js';
import { AddressBook } from '../peers/address-book.js';
import type { Store } from '../store/store.js';
import { ClusterMap } from './cluster-map.js';
import { initialMetaRows } from './initial-rows.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** The replicas of node 1, of which that of the meta group can be read. */
function mapped() {
  const self = membership(1);
  const [meta, data] = self.record.partitions as [PartitionDescriptor, PartitionDescriptor];
  const rows = initialMetaRows(self.record);
  const own = [meta, data].map((descriptor) => ({
    partitionId: descriptor.partitionId,
    descriptor,
    leaderNodeId: 0,
    revision: 0,
    header: () => ({ logTime: 77 }),
    scan: () => {
      let at = -1;
      const iterator = {
        next: () => ++at < rows.length,
        key: () => rows[at]?.key,
        value: () => rows[at]?.value,
        sequence: () => at + 1,
        expiresAt: () => 0,
        close: () => undefined,
      };
      return Promise.resolve({ iterator });
    },
  }));
  const store = {
    meta: own[0],
    replicas: () => own as unknown as Replica[],
    byPartition: (id: number) => own.find(({ partitionId }) => partitionId === id),
  };
  const book = new AddressBook(self, 'h:1', []);
  const map = new ClusterMap(store as unknown as Store, book, recordingLogger());
  const refresh = async (): Promise<number> => {
    const before = map.version;
    map.refresh();
    await new Promise((resolve) => setImmediate(resolve));
    map.refresh();
    return map.version - before;
  };
  return { map, own, book, rows, refresh, data };
}

describe('the map of a node', () => {
  it('begins with its own replicas, and goes on with the rows of the meta group', async () => {
    const m = mapped();
    expect([m.map.revision, m.map.partitions.map((p) => p.metaRevision)]).toEqual([0, [0, 0]]);
    (m.own[0] as { revision: number }).revision = m.rows.length;
    await m.refresh();
    expect([m.map.revision, m.map.partitions.map((p) => p.metaRevision)]).toEqual([8, [1, 2]]);
    expect(m.map.lookup(bytes('k'))?.descriptor.partitionId).toBe(2);
    expect(m.map.byId(1)?.descriptor.keyspace).toBe(0);
  });

  it('INVARIANT(epoch-monotonic): takes the newer epoch, whoever has it', async () => {
    const m = mapped();
    const own: unknown = m.own;
    const [meta, data] = own as [{ revision: number }, { descriptor: PartitionDescriptor }];
    meta.revision = m.rows.length;
    await m.refresh();
    for (const epoch of [
      { version: 2, conf: 1 },
      { version: 1, conf: 2 },
    ]) {
      data.descriptor = { ...m.data, epoch };
      expect(await m.refresh()).toBeGreaterThan(0);
      expect(m.map.byId(2)).toMatchObject({ metaRevision: 0, descriptor: { epoch } });
    }
    // A replica here that is behind what the meta group knows.
    const late = mapped();
    Object.assign(late.own[1] as object, {
      descriptor: { ...m.data, epoch: { version: 0, conf: 9 } },
    });
    Object.assign(late.own[0] as object, { revision: m.rows.length });
    await late.refresh();
    expect(late.map.byId(2)).toMatchObject({
      metaRevision: 2,
      descriptor: { epoch: { version: 1 } },
    });
  });

  it('changes with leaders and addresses, and not without a reason', async () => {
    const m = mapped();
    await m.refresh();
    expect(await m.refresh()).toBe(0);
    (m.own[1] as { leaderNodeId: number }).leaderNodeId = 3;
    expect(await m.refresh()).toBe(1);
    expect([...m.map.leaderCounts()]).toEqual([[3, 1]]);
    m.book.heard(2, 'moved:2');
    expect(await m.refresh()).toBe(1);
    const route = m.map.route(m.map.byId(2) as never);
    expect(route).toMatchObject({ leaderNodeId: 3, logTime: 77 });
    expect(route.nodes.map((node) => node.address)).toEqual(['h:1', 'moved:2', 'h:3']);
  });
});
