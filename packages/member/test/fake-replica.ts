import type {
  AnswerSink,
  ReadMark,
  Replica,
  ScanIterator,
  ScanOptions,
  ScanView,
} from '@dougdb/replica';
import {
  Consistency,
  type PartitionDescriptor,
  type ReadLevel,
  type RouteHint,
} from '@dougdb/rpc-proto';
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
  /** Of a get. */
  readonly level: ReadLevel | null;
  readonly sink: AnswerSink;
  readonly id: number;
}

/** What a get is answered as that says nothing else. */
export const linearizable: ReadMark = {
  served: Consistency.CONSISTENCY_LINEARIZABLE,
  ageMs: 0,
};

/** A replica that remembers what it is asked; the test answers. */
export class FakeReplica {
  readonly partitionId = 2;
  readonly replicaId = 104;
  readonly asked: Asked[] = [];
  revision = 7;
  readonly scans: ScanOptions[] = [];
  iterator: ScanIterator | null = null;
  /** Of the view that a scan gets. */
  viewRevision = 6;

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
    const asked = { kind: 'write', bytes: bytes.slice(start, end), level: null } as const;
    this.asked.push({ ...asked, epoch, deadlineMs, sink, id });
  }

  get(
    key: Uint8Array,
    level: ReadLevel,
    epoch: number,
    deadlineMs: number,
    sink: AnswerSink,
    id: number,
  ): void {
    this.asked.push({ kind: 'get', bytes: key.slice(), epoch, deadlineMs, level, sink, id });
  }

  scan(options: ScanOptions): Promise<ScanView> {
    this.scans.push(options);
    if (this.iterator === null) throw new Error('the test has no iterator');
    const { iterator, viewRevision } = this;
    return Promise.resolve({ iterator, revision: viewRevision, mark: linearizable });
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
