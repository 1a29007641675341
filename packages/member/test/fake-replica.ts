import type { AnswerSink, Consistency, Replica } from '@dougdb/replica';
import type { PartitionDescriptor, RouteHint } from '@dougdb/rpc-proto';
import type { DbIterator } from '@dougdb/sstable';
import { ClusterView } from '../src/handlers/cluster-view.js';
import type { ClusterMap } from '../src/meta/cluster-map.js';
import type { Store } from '../src/store/store.js';
import { membership } from './fake-membership.js';

/** What was asked of a fake replica and not answered yet. */
export interface Asked {
  readonly kind: 'write' | 'get';
  readonly bytes: Uint8Array;
  readonly deadlineMs: number;
  readonly epoch: number;
  readonly consistency: Consistency | null;
  readonly sink: AnswerSink;
  readonly id: number;
}

/** A replica that remembers what it is asked; the test answers. */
export class FakeReplica {
  readonly partitionId = 2;
  readonly replicaId = 104;
  readonly asked: Asked[] = [];
  revision = 7;
  iterator: DbIterator | null = null;

  get descriptor(): PartitionDescriptor {
    return membership(1).record.partitions[1] as PartitionDescriptor;
  }

  write(
    bytes: Uint8Array,
    start: number,
    end: number,
    epoch: number,
    deadlineMs: number,
    sink: AnswerSink,
    id: number,
  ): void {
    const asked = { kind: 'write', bytes: bytes.slice(start, end), consistency: null } as const;
    this.asked.push({ ...asked, epoch, deadlineMs, sink, id });
  }

  get(
    key: Uint8Array,
    consistency: Consistency,
    epoch: number,
    deadlineMs: number,
    sink: AnswerSink,
    id: number,
  ): void {
    this.asked.push({ kind: 'get', bytes: key.slice(), epoch, deadlineMs, consistency, sink, id });
  }

  scan(): Promise<DbIterator> {
    if (this.iterator === null) throw new Error('the test has no iterator');
    return Promise.resolve(this.iterator);
  }

  header() {
    const { partitionId, revision } = this;
    return { partitionId, revision, term: 3, appliedIndex: 9, logTime: 77, ageMs: 1.5 };
  }

  routeHint(): RouteHint {
    return { partition: this.descriptor, leaderNodeId: 2, nodes: [], logTime: 77 };
  }
}

/** Node 1 of three, whose only replica is the fake. */
export function viewOf(fake: FakeReplica): ClusterView {
  const replica = fake as unknown as Replica;
  const self = membership(1);
  const store = {
    only: replica,
    byPartition: (id: number) => (id === 2 ? replica : undefined),
    byKey: () => replica,
    belowKey: () => replica,
    replicas: () => [replica],
  };
  const map = { nodes: () => self.record.nodes, lookup: () => ({}), route: () => fake.routeHint() };
  return new ClusterView(self, store as unknown as Store, map as unknown as ClusterMap);
}
