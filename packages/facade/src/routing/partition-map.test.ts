import { type PartitionDescriptor, ReplicaRole, type RouteHint } from '@dougdb/rpc-proto';
import fc from 'fast-check';
import { compareKeys, isBelowEnd } from '../key-range.js';
import { PartitionMap } from './partition-map.js';

const key = (text: string) => Buffer.from(text);

function descriptor(
  partitionId: number,
  start: string,
  end: string,
  version = 1,
  conf = 1,
  nodeIds = [1, 2, 3],
): PartitionDescriptor {
  return {
    partitionId,
    keyspace: 1,
    start: key(start),
    end: key(end),
    epoch: { version, conf },
    replicas: nodeIds.map((nodeId) => ({
      replicaId: partitionId * 10 + nodeId,
      nodeId,
      role: ReplicaRole.REPLICA_ROLE_VOTER,
    })),
  };
}

function hint(partition: PartitionDescriptor | undefined, leaderNodeId = 0): RouteHint {
  return { partition, leaderNodeId, nodes: [], logTime: 0 };
}

const node = (nodeId: number, address = `n${nodeId}:4400`) => ({
  nodeId,
  uuid: new Uint8Array(16),
  address,
});

describe('PartitionMap', () => {
  it('finds the partition that holds a key', () => {
    const map = new PartitionMap();
    map.install(hint(descriptor(2, '', 'g')));
    map.install(hint(descriptor(4, 'p', '')));
    map.install(hint(descriptor(3, 'g', 'p')));
    expect(map.lookup(key('a'))?.partitionId).toBe(2);
    expect(map.lookup(key('g'))?.partitionId).toBe(3);
    expect(map.lookup(key('ozzz'))?.partitionId).toBe(3);
    expect(map.lookup(key('p'))?.partitionId).toBe(4);
    expect(map.lookup(key('zzz'))?.partitionId).toBe(4);
    expect(map.routes.map((route) => route.partitionId)).toEqual([2, 3, 4]);
  });

  it('knows nothing of a key in a gap', () => {
    const map = new PartitionMap();
    map.install(hint(descriptor(3, 'g', 'p')));
    expect(map.lookup(key('a'))).toBeNull();
    expect(map.lookup(key('p'))).toBeNull();
  });

  it('tells the first key of which it knows nothing', () => {
    const map = new PartitionMap();
    expect(map.gap).toEqual(new Uint8Array(0));
    map.install(hint(descriptor(3, 'g', 'p')));
    expect(map.gap).toEqual(new Uint8Array(0));
    map.install(hint(descriptor(2, '', 'g')));
    expect(map.gap).toEqual(new Uint8Array(key('p')));
    map.install(hint(descriptor(5, 'q', '')));
    expect(map.gap).toEqual(new Uint8Array(key('p')));
    map.install(hint(descriptor(4, 'p', 'q')));
    expect(map.gap).toBeNull();
  });

  it('finds the partition below an exclusive end', () => {
    const map = new PartitionMap();
    map.install(hint(descriptor(2, '', 'g')));
    map.install(hint(descriptor(3, 'g', 'p')));
    expect(map.lookupBelow(key('g'))?.partitionId).toBe(2);
    expect(map.lookupBelow(key('h'))?.partitionId).toBe(3);
    expect(map.lookupBelow(key('p'))?.partitionId).toBe(3);
    expect(map.lookupBelow(key('q'))).toBeNull();
    expect(map.lookupBelow(key(''))).toBeNull();
    map.install(hint(descriptor(4, 'p', '')));
    expect(map.lookupBelow(key(''))?.partitionId).toBe(4);
  });

  it('ignores partitions of other keyspaces but takes their addresses', () => {
    const map = new PartitionMap();
    const change = map.install({
      partition: { ...descriptor(1, '', ''), keyspace: 0 },
      leaderNodeId: 1,
      nodes: [node(1)],
      logTime: 0,
    });
    expect(change).toEqual({ descriptor: false, leader: false, address: true });
    expect(map.routes).toEqual([]);
    expect(map.addressOf(1)).toBe('n1:4400');
  });

  it('keeps what it knows against an older descriptor and its leader, INVARIANT(epoch-monotonic)', () => {
    const map = new PartitionMap();
    map.installNode(node(1));
    map.install(hint(descriptor(2, '', 'g', 2, 5), 1));
    for (const old of [descriptor(2, '', '', 1, 9), descriptor(2, '', 'g', 2, 4)]) {
      expect(map.install(hint(old, 3))).toEqual({
        descriptor: false,
        leader: false,
        address: false,
      });
    }
    expect(map.lookup(key('z'))).toBeNull();
    expect(map.byId(2)).toMatchObject({ epochVersion: 2, epochConf: 5, leaderNodeId: 1 });
  });

  it('lets a child with a higher version take its part from a parent that is still whole', () => {
    const map = new PartitionMap();
    map.install(hint(descriptor(2, '', '', 1), 1));
    expect(map.install(hint(descriptor(3, 'm', '', 2), 2)).descriptor).toBe(true);
    expect(map.lookup(key('n'))?.partitionId).toBe(3);
    // The parent's new bounds are not known yet.
    expect(map.lookup(key('a'))).toBeNull();
    expect(map.install(hint(descriptor(2, '', '', 1))).descriptor).toBe(false);
    expect(map.lookup(key('a'))).toBeNull();
    map.install(hint(descriptor(2, '', 'm', 2)));
    expect(map.lookup(key('a'))?.partitionId).toBe(2);
  });

  it('takes the last word about a leader, and "unknown" for no word at all', () => {
    const map = new PartitionMap();
    map.install(hint(descriptor(2, '', ''), 1));
    expect(map.install(hint(descriptor(2, '', ''), 2)).leader).toBe(true);
    expect(map.install(hint(descriptor(2, '', ''), 0)).leader).toBe(false);
    expect(map.install(hint(descriptor(2, '', ''), 2)).leader).toBe(false);
    expect(map.byId(2)?.leaderNodeId).toBe(2);
  });

  it('forgets a leader only if it is still the one that failed', () => {
    const map = new PartitionMap();
    map.install(hint(descriptor(2, '', ''), 1));
    map.forgetLeader(2, 3);
    expect(map.byId(2)?.leaderNodeId).toBe(1);
    map.forgetLeader(2, 1);
    expect(map.byId(2)?.leaderNodeId).toBe(0);
    map.forgetLeader(99, 1);
  });

  it('keeps the leader over a change of members unless it is gone', () => {
    const map = new PartitionMap();
    map.install(hint(descriptor(2, '', '', 1, 1), 1));
    map.install(hint(descriptor(2, '', '', 1, 2, [1, 4, 5])));
    expect(map.byId(2)?.leaderNodeId).toBe(1);
    map.install(hint(descriptor(2, '', '', 1, 3, [4, 5, 6])));
    expect(map.byId(2)?.leaderNodeId).toBe(0);
  });

  it('follows a node to its new address', () => {
    const map = new PartitionMap();
    expect(map.installNode(node(1))).toBe(true);
    expect(map.installNode(node(1))).toBe(false);
    expect(map.installNode(node(1, 'elsewhere:1'))).toBe(true);
    expect(map.installNode(node(0))).toBe(false);
    expect(map.installNode(node(2, ''))).toBe(false);
    map.install(hint(descriptor(2, '', ''), 1));
    expect(map.leaderAddress(map.byId(2)!)).toBe('elsewhere:1');
    expect(map.nodeIds).toEqual([1]);
  });

  it('refuses descriptors that make no sense', () => {
    const map = new PartitionMap();
    expect(map.install(hint(descriptor(2, 'm', 'a'))).descriptor).toBe(false);
    expect(map.install(hint(descriptor(0, '', ''))).descriptor).toBe(false);
    expect(map.install(hint(undefined, 3)).leader).toBe(false);
    expect(map.routes).toEqual([]);
  });

  it('does not keep the buffers that it was given', () => {
    const map = new PartitionMap();
    const partition = descriptor(2, 'a', 'm');
    map.install(hint(partition));
    partition.end.fill(0);
    expect(map.lookup(key('b'))?.partitionId).toBe(2);
  });
});

describe('PartitionMap, whatever arrives in whatever order', () => {
  /** A true history: splits and membership changes, every descriptor that ever held. */
  const history = fc
    .array(
      fc.record({ pick: fc.nat(), at: fc.integer({ min: 1, max: 254 }), conf: fc.boolean() }),
      {
        maxLength: 12,
      },
    )
    .map((steps) => {
      let live = [rangeOf(2, 0, 256, 1, 1)];
      const all = [...live];
      let nextId = 3;
      for (const { pick, at, conf } of steps) {
        const parent = live[pick % live.length]!;
        const made: Range[] = [];
        if (conf) {
          made.push({ ...parent, conf: parent.conf + 1 });
        } else if (at > parent.from && at < parent.to) {
          const version = parent.version + 1;
          made.push({ ...parent, to: at, version });
          made.push({ ...parent, id: nextId++, from: at, version });
        }
        if (made.length === 0) continue;
        live = [...live.filter((range) => range !== parent), ...made];
        all.push(...made);
      }
      return { live, all };
    });

  interface Range {
    readonly id: number;
    readonly from: number;
    readonly to: number;
    readonly version: number;
    readonly conf: number;
  }

  function rangeOf(id: number, from: number, to: number, version: number, conf: number): Range {
    return { id, from, to, version, conf };
  }

  const toHint = ({ id, from, to, version, conf }: Range): RouteHint =>
    hint({
      ...descriptor(id, '', '', version, conf),
      start: from === 0 ? new Uint8Array() : Uint8Array.of(from),
      end: to === 256 ? new Uint8Array() : Uint8Array.of(to),
    });

  const delivery = history.chain(({ live, all }) =>
    fc
      .tuple(
        fc.shuffledSubarray(all, { minLength: all.length, maxLength: all.length }),
        fc.array(fc.constantFrom(...all), { maxLength: 10 }),
      )
      .map(([shuffled, repeated]) => ({ live, delivered: [...shuffled, ...repeated] })),
  );

  it('never holds two partitions for one key and never goes back, INVARIANT(epoch-monotonic)', () => {
    fc.assert(
      fc.property(delivery, ({ delivered }) => {
        const map = new PartitionMap();
        const seen = new Map<number, number>();
        for (const range of delivered) {
          map.install(toHint(range));
          for (let i = 1; i < map.routes.length; i++) {
            const [left, right] = [map.routes[i - 1]!, map.routes[i]!];
            expect(left.end.length).toBeGreaterThan(0);
            expect(compareKeys(left.end, right.start)).toBeLessThanOrEqual(0);
          }
          for (const route of map.routes) {
            const epoch = route.epochVersion * 1000 + route.epochConf;
            expect(epoch).toBeGreaterThanOrEqual(seen.get(route.partitionId) ?? 0);
            seen.set(route.partitionId, epoch);
          }
        }
      }),
    );
  });

  it('ends with the newest partitions once each was heard of', () => {
    fc.assert(
      fc.property(delivery, fc.integer({ min: 0, max: 255 }), ({ live, delivered }, probe) => {
        const map = new PartitionMap();
        for (const range of delivered) map.install(toHint(range));
        const probeKey = Uint8Array.of(probe);
        const expected = live.find((range) => range.from <= probe && probe < range.to)!;
        const found = map.lookup(probeKey)!;
        expect(found).toMatchObject({
          partitionId: expected.id,
          epochVersion: expected.version,
          epochConf: expected.conf,
        });
        expect(compareKeys(found.start, probeKey)).toBeLessThanOrEqual(0);
        expect(isBelowEnd(probeKey, found.end)).toBe(true);
        expect(map.routes).toHaveLength(live.length);
      }),
    );
  });
});
