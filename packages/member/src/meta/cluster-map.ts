import type { Logger } from '@dougdb/ports';
import type { Replica } from '@dougdb/replica';
import type { NodeDescriptor, PartitionDescriptor, RouteHint } from '@dougdb/rpc-proto';
import { compareDescriptors } from '../genesis/ranges.js';
import { DATA_KEYSPACE } from '../genesis/record.js';
import type { AddressBook } from '../peers/address-book.js';
import { RangeIndex } from '../store/range-index.js';
import type { Store } from '../store/store.js';
import { MetaReader, type MetaState } from './meta-reader.js';

/** A partition as this node knows it. */
export interface MappedPartition {
  readonly descriptor: PartitionDescriptor;
  /** Revision of the meta row that says so; 0: a replica here knows more than that row. */
  readonly metaRevision: number;
  /** 0: unknown. */
  readonly leaderNodeId: number;
}

/**
 * The partitions of the cluster and their leaders, as this node knows them: rows of the meta group, and
 * its own replicas where they are ahead. It may be out of date; who gets a request checks it again.
 */
export class ClusterMap {
  readonly #store: Store;
  readonly #book: AddressBook;
  readonly #meta: MetaReader;
  readonly #own: readonly Replica[];
  /** What the map was built of. */
  #builtOf: MetaState;
  readonly #ownDescriptors: PartitionDescriptor[];
  readonly #ownLeaders: number[];
  #partitions: readonly MappedPartition[] = [];
  #byId = new Map<number, MappedPartition>();
  #byKey = new RangeIndex<MappedPartition>([], ({ descriptor }) => descriptor);
  #bookVersion = -1;
  #version = 0;

  constructor(store: Store, book: AddressBook, logger: Logger) {
    this.#store = store;
    this.#book = book;
    this.#meta = new MetaReader(store.meta, logger);
    this.#own = store.replicas();
    this.#builtOf = this.#meta.state;
    this.#ownDescriptors = this.#own.map(({ descriptor }) => descriptor);
    this.#ownLeaders = this.#own.map(({ leaderNodeId }) => leaderNodeId);
    this.#build();
  }

  /** Grows with each change of anything that the map says. */
  get version(): number {
    return this.#version;
  }

  /** Revision of the meta group up to which its rows are in the map; 0: not read yet. */
  get revision(): number {
    return this.#builtOf.revision;
  }

  /** Rows of the meta group. */
  get meta(): MetaState {
    return this.#builtOf;
  }

  /** By keyspace and range. */
  get partitions(): readonly MappedPartition[] {
    return this.#partitions;
  }

  byId(partitionId: number): MappedPartition | undefined {
    return this.#byId.get(partitionId);
  }

  /** The partition of users' data that holds a key. */
  lookup(key: Uint8Array): MappedPartition | undefined {
    return this.#byKey.find(key);
  }

  nodes(): NodeDescriptor[] {
    return this.#book.nodes();
  }

  /** How many partitions each node leads, itself included; nodes that lead none are left out. */
  leaderCounts(): Map<number, number> {
    const counts = new Map<number, number>();
    for (const { leaderNodeId } of this.#partitions) {
      if (leaderNodeId !== 0) counts.set(leaderNodeId, (counts.get(leaderNodeId) ?? 0) + 1);
    }
    return counts;
  }

  /** All that a client needs to reach a partition. */
  route({ descriptor, leaderNodeId }: MappedPartition): RouteHint {
    const members = new Set(descriptor.replicas.map(({ nodeId }) => nodeId));
    const nodes = this.nodes().filter(({ nodeId }) => members.has(nodeId));
    const logTime = this.#store.byPartition(descriptor.partitionId)?.header().logTime ?? 0;
    return { partition: descriptor, leaderNodeId, nodes, logTime };
  }

  /** Called each tick. */
  refresh(): void {
    this.#meta.look();
    let isNew = this.#meta.state !== this.#builtOf;
    for (const [at, replica] of this.#own.entries()) {
      const { descriptor, leaderNodeId } = replica;
      isNew ||= descriptor !== this.#ownDescriptors[at] || leaderNodeId !== this.#ownLeaders[at];
      this.#ownDescriptors[at] = descriptor;
      this.#ownLeaders[at] = leaderNodeId;
    }
    if (isNew) this.#build();
    if (this.#book.version !== this.#bookVersion) {
      this.#bookVersion = this.#book.version;
      this.#version++;
    }
  }

  #build(): void {
    const { state } = this.#meta;
    for (const { value } of state.nodes.values()) this.#book.told(value);
    const known = new Map<number, MappedPartition>();
    for (const [id, { value: descriptor, revision }] of state.partitions) {
      known.set(id, { descriptor, metaRevision: revision, leaderNodeId: 0 });
    }
    for (const [at, descriptor] of this.#ownDescriptors.entries()) {
      const leaderNodeId = this.#ownLeaders[at] ?? 0;
      const row = known.get(descriptor.partitionId);
      const isAhead = row === undefined || isNewer(descriptor, row.descriptor);
      known.set(
        descriptor.partitionId,
        isAhead ? { descriptor, metaRevision: 0, leaderNodeId } : { ...row, leaderNodeId },
      );
    }
    this.#builtOf = state;
    this.#byId = known;
    this.#partitions = [...known.values()].sort((a, b) =>
      compareDescriptors(a.descriptor, b.descriptor),
    );
    const data = this.#partitions.filter((p) => p.descriptor.keyspace === DATA_KEYSPACE);
    this.#byKey = new RangeIndex(data, ({ descriptor }) => descriptor);
    this.#version++;
  }
}

/** INVARIANT(epoch-monotonic): of two descriptors of a partition the one with the higher epoch holds. */
function isNewer(a: PartitionDescriptor, b: PartitionDescriptor): boolean {
  const version = (a.epoch?.version ?? 0) - (b.epoch?.version ?? 0);
  return version > 0 || (version === 0 && (a.epoch?.conf ?? 0) > (b.epoch?.conf ?? 0));
}
