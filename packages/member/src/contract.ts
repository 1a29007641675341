import type { Clock, FileSystem, Logger, Metrics, Random, Workers } from '@dougdb/ports';
import type { ApplyObserver, HardStateStore, ReplicaSettings } from '@dougdb/replica';

/** What a member is started with. */
export interface MemberOptions {
  /** Directory of everything durable (layout: ARCHITECTURE.md, "On disk"). */
  readonly dataDir: string;
  readonly fs: FileSystem;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly network: PeerNetwork;
  /**
   * Threads for the flushes and compactions of all replicas: `TableWorkers` of `@dougdb/sstable/node`, where
   * `fs` is NodeFs. The caller closes them after the member. Left out: slices on the loop.
   */
  readonly tableWorkers?: Workers;
  /** Opens the hard states in this directory, made if missing. */
  readonly openHardState: (dir: string) => Promise<HardStateStore>;
  /** HOST:PORT that peers and clients reach this member by. */
  readonly advertise: string;
  /** Addresses of all first members, this one's among them; empty: a cluster of one. */
  readonly join: readonly string[];
  readonly settings: MemberSettings;
  /** For simulations: hears what all replicas here apply. */
  readonly observer?: ApplyObserver;
  /** The process must end with this exit code: 3 data refused, 4 disk failure, 1 internal. */
  readonly onFatal: (exitCode: number, error: unknown) => void;
  readonly version: string;
}

export interface MemberSettings {
  readonly splitAt: readonly Uint8Array[];
  readonly replicationFactor: number;
  readonly tickMs: number;
  readonly replica: ReplicaSettings;
  /** A memtable of this size is frozen. */
  readonly memtableBytes: number;
  /** All memtables of the node, those that wait for their flush included. */
  readonly memtableBudgetBytes: number;
  readonly blockCacheBytes: number;
  readonly walSegmentBytes: number;
  /**
   * Leaders have a lease to read by (S10), which rests on clocks; fixed when the cluster is made, the same on
   * every member. Left out: they have none.
   */
  readonly leaseReads?: boolean;
  /** How fast tables are read over in the background, for damage that nobody meets. Left out: they are not. */
  readonly scrubBytesPerSecond?: number;
}

export type PeerChannel = 'control' | 'data';

/** How members reach each other. Implemented on gRPC in apps/node and in memory in the simulator. */
export interface PeerNetwork {
  /**
   * Opens a stream of requests to the Raft service at an address; `request` bytes are encoded
   * dougdb.raft.v1.MessagesRequest. Never throws; failures come as `closed`. One call for one link:
   * the member reconnects by itself.
   */
  openLink(address: string, channel: PeerChannel, events: PeerLinkEvents): PeerLink;
  /** One unary call of the Genesis service. Rejects with a DougError. */
  genesis(
    address: string,
    method: 'Ask' | 'Offer',
    request: Uint8Array,
    timeoutMs: number,
  ): Promise<Uint8Array>;
}

export interface PeerLinkEvents {
  /** An encoded dougdb.raft.v1.MessagesResponse. */
  received(response: Uint8Array): void;
  /** The end of the link, exactly once. */
  closed(error: unknown): void;
}

export interface PeerLink {
  /** Hands bytes over without waiting; false when more than the queue cap is unsent (then nothing was taken). */
  send(request: Uint8Array): boolean;
  close(): void;
}

/** An incoming stream of the Raft service, one for each link of a peer. */
export interface IncomingLink {
  received(request: Uint8Array): void;
  closed(): void;
}

/** What a request knows of its caller's patience. */
export interface CallContext {
  /** Monotonic milliseconds at which the caller gives up. */
  readonly deadlineMs: number;
}

/** The unary calls that a member answers, by full gRPC path. */
export type UnaryMethod =
  | '/dougdb.v1.Doug/Get'
  | '/dougdb.v1.Doug/MultiGet'
  | '/dougdb.v1.Doug/Put'
  | '/dougdb.v1.Doug/Delete'
  | '/dougdb.v1.Doug/DeleteRange'
  | '/dougdb.v1.Doug/Txn'
  | '/dougdb.v1.Routes/Describe'
  | '/dougdb.v1.Routes/Lookup'
  | '/dougdb.admin.v1.Admin/Status'
  | '/dougdb.admin.v1.Admin/MemberList'
  | '/dougdb.admin.v1.Admin/PartitionList'
  | '/dougdb.admin.v1.Admin/TransferLeader'
  | '/dougdb.admin.v1.Admin/Compact'
  | '/dougdb.raft.v1.Genesis/Ask'
  | '/dougdb.raft.v1.Genesis/Offer';

/** One Pipe stream of a client. */
export interface PipeSession {
  /** An encoded PipeRequest; the bytes may be reused after the call returns. */
  received(request: Uint8Array): void;
  /** The client is gone: nothing is sent any more. */
  closed(): void;
  /** Items accepted and not yet answered: the server stops reading the stream above its cap. */
  readonly openItems: number;
  /** Whether every item has its answer, and every answer was sent. */
  readonly isAnswered: boolean;
}

/** What a pipe writes to. */
export interface PipeOutput {
  /** One encoded PipeResponse. */
  send(response: Uint8Array): void;
  /** openItems fell below the cap again: reading may go on. */
  drained(): void;
  /** Bytes sent and not taken by the connection yet; left out: not known. Above its cap values are answered BUSY. */
  readonly queuedBytes?: number;
  /** Ends the stream with an error of the table (the message itself was garbage). */
  fail(error: unknown): void;
}

/** One stream of a client with any number of watches. */
export interface WatchSession {
  /** An encoded WatchRequest; the bytes may be reused after the call returns. */
  received(request: Uint8Array): void;
  /** The connection has taken something of what was sent. */
  drained(): void;
  /** The client is gone: nothing is sent any more. */
  closed(): void;
  /** What was sent waits for a slow reader: the server reads nothing more from the stream. */
  readonly isFull: boolean;
}

/** What a stream of watches writes to. */
export interface WatchOutput {
  /** One encoded WatchResponse. */
  send(response: Uint8Array): void;
  /** Bytes sent and not taken by the connection yet. */
  readonly queuedBytes: number;
  /** Ends the stream with an error of the table: a message made no sense, or the node goes down. */
  fail(error: unknown): void;
}

/** Takes what a watcher of the partition map is told. */
export interface MapWatchOutput {
  /** One encoded WatchMapResponse; resolves when the next may be made (back-pressure), or the caller is gone. */
  send(response: Uint8Array): Promise<void>;
}

/** Takes chunks of a scan. */
export interface ScanOutput {
  /** One encoded ScanResponse; resolves when the next may be made (back-pressure). */
  send(response: Uint8Array): Promise<void>;
  /** True once the caller is gone. */
  readonly cancelled: boolean;
}
