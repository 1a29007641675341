import type { HardStateStore, ReplicaStatus } from '@dougdb/replica';
import { assertLimits, DougError, type GenesisRecord, limits } from '@dougdb/rpc-proto';
import type { Wal } from '@dougdb/wal';
import { ClusterParts } from './cluster-parts.js';
import type {
  CallContext,
  IncomingLink,
  MapWatchOutput,
  MemberOptions,
  PipeOutput,
  PipeSession,
  ScanOutput,
  UnaryMethod,
  WatchOutput,
  WatchSession,
} from './contract.js';
import type { DataDir } from './data-dir/data-dir.js';
import { ForeignCheck } from './genesis/foreign-check.js';
import { Genesis } from './genesis/genesis.js';
import { Admission } from './handlers/admission.js';
import type { ClusterView } from './handlers/cluster-view.js';
import { OpenScans } from './handlers/open-scans.js';
import { handleScan } from './handlers/scan.js';
import { handleUnary, isDataMethod, isWriteMethod, type UnaryContext } from './handlers/unary.js';
import type { MemberError } from './member-error.js';
import { type Membership, membershipOf } from './membership.js';
import { type OpenParts, openParts } from './open-parts.js';
import { PeerStreams } from './peers/peers.js';
import { Pipe } from './pipe/pipe.js';
import { notReadyReason } from './readiness.js';
import { asMemberError } from './store/fatal.js';
import type { PinnedLogs } from './store/pinned-logs.js';
import { gaugeNode, type MemberTelemetry, memberTelemetry } from './telemetry.js';
import { WatchHeaders } from './watch/watch-headers.js';
import { WatchStream } from './watch/watch-stream.js';

/** How often a draining node looks whether its calls have been answered. */
const DRAIN_LOOK_MS = 5;

/** A whole member without sockets: one node's identity, WAL, replicas and request handlers. */
export class Member {
  readonly #options: MemberOptions;
  readonly #dataDir: DataDir;
  readonly #wal: Wal;
  readonly #pinnedLogs: PinnedLogs;
  readonly #hardState: HardStateStore;
  readonly #advertise: string;
  readonly #join: readonly string[];
  readonly #telemetry: MemberTelemetry;
  readonly #genesis: Genesis;
  readonly #admission = new Admission(limits);
  readonly #scans = new OpenScans();
  readonly #streams: PeerStreams;
  readonly #pipes = new Set<Pipe>();
  readonly #watchStreams = new Set<WatchStream>();
  readonly #watchHeaders: WatchHeaders;
  readonly #unary: UnaryContext;
  readonly #startedMs: number;
  #foreignCheck: ForeignCheck | null = null;
  #self: Membership | null;
  #cluster: ClusterParts | null = null;
  readonly #joined: Promise<void>;
  /** The store being opened. */
  #opening: Promise<unknown> = Promise.resolve();
  #draining = false;
  #closing: Promise<void> | null = null;

  private constructor(options: MemberOptions, parts: OpenParts) {
    this.#options = options;
    this.#dataDir = parts.dataDir;
    this.#wal = parts.wal;
    this.#pinnedLogs = parts.pinnedLogs;
    this.#hardState = parts.hardState;
    this.#advertise = parts.advertise;
    this.#join = parts.join;
    this.#self = parts.membership;
    this.#telemetry = memberTelemetry(options.metrics);
    this.#startedMs = options.clock.monotonicMs();
    this.#watchHeaders = new WatchHeaders(options.clock);
    this.#genesis = new Genesis({
      uuid: parts.dataDir.identity.uuid,
      advertise: parts.advertise,
      join: parts.join,
      settings: parts.clusterSettings,
      clock: options.clock,
      random: options.random,
      logger: options.logger,
      network: options.network,
      record: parts.membership?.record ?? null,
      save: (record, encoded) => this.#saveRecord(record, encoded),
      onFatal: (error) => this.#fatal(asMemberError(error, 'genesis')),
    });
    this.#streams = new PeerStreams(
      {
        advertise: parts.advertise,
        logger: options.logger,
        telemetry: this.#telemetry,
        // Only with its replicas open does this node know what to do with a message.
        self: () => (this.#cluster === null || this.#closing !== null ? null : this.#self),
        deliver: (fromNodeId, partitionId, message) =>
          this.#cluster?.view.store.deliver(fromNodeId, partitionId, message),
      },
      (nodeId, advertise) => this.#cluster?.book.heard(nodeId, advertise),
    );
    this.#unary = {
      clock: options.clock,
      genesis: this.#genesis,
      view: () => this.#cluster?.view ?? null,
      serving: () => this.#serving(),
      facts: {
        version: options.version,
        uuid: parts.dataDir.identity.uuid,
        advertise: parts.advertise,
        uptimeMs: () => options.clock.monotonicMs() - this.#startedMs,
      },
    };
    gaugeNode(options.metrics, () => ({
      statuses: this.replicaStatuses(),
      memtableBytes: this.#cluster?.view.store.memtableBytes ?? 0,
      mapWatches: this.#cluster?.watches.size ?? 0,
      openScans: this.#scans.count,
      watchStreams: this.#watchStreams.size,
      watchLoads: this.#cluster?.view.store.watchLoads() ?? [],
      watchWindowBytes: this.#cluster?.view.store.watchWindowBytes ?? 0,
    }));
    this.#joined = this.#start(parts.membership);
    // Told to onFatal; nobody has to wait for it.
    this.#joined.catch(() => undefined);
  }

  /**
   * Takes the data directory (lock, identity, checks), opens WAL and hard states, and begins genesis,
   * join or recovery, which go on in the background.
   * @throws MemberError with `exitCode` 2 (usage) or 3 (data dir refused: locked, foreign, newer, corrupt with file and offset)
   */
  static async open(options: MemberOptions): Promise<Member> {
    assertLimits(limits);
    const member = new Member(options, await openParts(options));
    if (member.#self === null) return member;
    try {
      await member.#opening;
    } catch (error) {
      await member.close();
      throw error;
    }
    return member;
  }

  /** Resolves when this member is part of a cluster and its replicas have replayed their logs. */
  whenJoined(): Promise<void> {
    return this.#joined;
  }

  /** Null when ready; otherwise why /readyz says no. */
  notReadyReason(): string | null {
    if (this.#closing !== null || this.#draining) return 'draining';
    if (this.#cluster === null) {
      return `waiting for genesis: ${this.#genesis.waitingFor ?? 'opening the replicas'}`;
    }
    return notReadyReason(this.#cluster.view.store.replicas());
  }

  /** The state of every local replica; empty before this member knows its cluster. */
  replicaStatuses(): ReplicaStatus[] {
    return this.#cluster?.view.store.statuses() ?? [];
  }

  /** Answers one unary call; request and response are encoded messages. Rejects with a DougError only. */
  async unary(method: UnaryMethod, request: Uint8Array, context: CallContext): Promise<Uint8Array> {
    const run = (): Promise<Uint8Array> => handleUnary(this.#unary, method, request, context);
    const outcome = isWriteMethod(method) ? 'UNKNOWN' : 'NOT_APPLIED';
    const admitted = isDataMethod(method);
    return this.#call(method, admitted ? request.length : null, context, outcome, run);
  }

  /**
   * Serves dougdb.v1.Routes/WatchMap until the signal fires. Rejects with a DougError only: of the request,
   * or because this node goes down.
   */
  async watchMap(request: Uint8Array, output: MapWatchOutput, signal: AbortSignal): Promise<void> {
    const context = { deadlineMs: Number.POSITIVE_INFINITY };
    await this.#call('/dougdb.v1.Routes/WatchMap', null, context, 'NOT_APPLIED', async () => {
      const view = this.#serving();
      await this.#cluster?.watches.serve(view, request, output, signal);
    });
  }

  /** Serves dougdb.v1.Doug/Scan. Rejects with a DougError only. */
  async scan(request: Uint8Array, context: CallContext, output: ScanOutput): Promise<void> {
    const { clock } = this.#options;
    await this.#call('/dougdb.v1.Doug/Scan', request.length, context, 'NOT_APPLIED', () =>
      this.#scans.run(() => handleScan(this.#serving(), clock, request, context, output)),
    );
  }

  openPipe(output: PipeOutput): PipeSession {
    const context = {
      clock: this.#options.clock,
      admission: this.#admission,
      view: () => this.#serving(),
      onClosed: (closed: Pipe) => this.#pipes.delete(closed),
    };
    const pipe = new Pipe(context, output);
    this.#pipes.add(pipe);
    return pipe;
  }

  /** Serves dougdb.v1.Doug/Watch: any number of watches on one stream. */
  openWatches(output: WatchOutput): WatchSession {
    const context = {
      clock: this.#options.clock,
      headers: this.#watchHeaders,
      view: () => this.#serving(),
      openWatches: () => {
        let open = 0;
        for (const { size } of this.#watchStreams) open += size;
        return open;
      },
      onClosed: (closed: WatchStream) => this.#watchStreams.delete(closed),
    };
    const stream = new WatchStream(context, output);
    this.#watchStreams.add(stream);
    return stream;
  }

  /** A peer opened a stream of the Raft service. `reply` takes encoded MessagesResponse; `end` closes it with an error. */
  acceptLink(reply: (response: Uint8Array) => void, end: (error: unknown) => void): IncomingLink {
    return this.#streams.accept(reply, end);
  }

  /**
   * For tests only: the replica of the partition here neither ticks nor takes messages nor serves
   * (NO_LEADER), until {@link resumePartition}. @returns false where this node has none
   */
  stopPartition(partitionId: number): boolean {
    const replica = this.#cluster?.view.store.byPartition(partitionId);
    replica?.suspend();
    return replica !== undefined;
  }

  /** Ends {@link stopPartition}. @returns false where this node has no replica of the partition */
  resumePartition(partitionId: number): boolean {
    const replica = this.#cluster?.view.store.byPartition(partitionId);
    replica?.resume();
    return replica !== undefined;
  }

  /** Refuses new work, hands leadership over, waits for what is in flight, at most timeoutMs. */
  async drain(timeoutMs: number): Promise<void> {
    this.#draining = true;
    this.#genesis.stop();
    const { clock, logger } = this.#options;
    const deadlineMs = clock.monotonicMs() + timeoutMs;
    await this.#cluster?.drain(deadlineMs);
    while (this.#admission.ops > 0 && clock.monotonicMs() < deadlineMs) {
      await new Promise<void>((resolve) => clock.setTimer(DRAIN_LOOK_MS, resolve));
    }
    logger.info('member.drained', { unanswered: this.#admission.ops });
  }

  /** Stops everything and releases the data directory. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** @param past - the membership of an earlier start; null in an empty directory */
  async #start(past: Membership | null): Promise<void> {
    try {
      this.#self = past ?? (await this.#becomeMember());
      // Of a member, the caller of open() hears why its data are refused; of an empty node, onFatal.
      this.#opening = this.#openStore(this.#self, past === null);
      await this.#opening;
      await this.#cluster?.view.store.whenReplayed();
    } catch (error) {
      const known = asMemberError(error, 'starting');
      if (past === null || this.#cluster !== null) this.#fatal(known);
      throw known;
    }
  }

  async #becomeMember(): Promise<Membership> {
    this.#genesis.start();
    return membershipOf(await this.#genesis.whenJoined(), this.#dataDir.identity.uuid);
  }

  async #openStore(self: Membership, justMade: boolean): Promise<void> {
    const advertise = this.#advertise;
    const join = this.#join;
    const { layout } = this.#dataDir;
    const onFatal = (error: MemberError): void => this.#fatal(error);
    const cluster = await ClusterParts.open({
      ...{ self, advertise, join, layout, justMade, onFatal },
      member: this.#options,
      wal: this.#wal,
      pinnedLogs: this.#pinnedLogs,
      hardState: this.#hardState,
      telemetry: this.#telemetry,
      isDraining: (nodeId) => this.#streams.isDraining(nodeId),
    });
    this.#cluster = cluster;
    if (this.#closing !== null) return;
    cluster.start();
    const { clock, network } = this.#options;
    this.#foreignCheck = new ForeignCheck({
      ...{ clock, network, self, advertise, join },
      dataDir: layout.root,
      onForeign: onFatal,
    });
    this.#foreignCheck.start();
  }

  async #saveRecord(record: GenesisRecord, encoded: Uint8Array): Promise<void> {
    const { node, clusterId } = membershipOf(record, this.#dataDir.identity.uuid);
    await this.#dataDir.join({ clusterId, nodeId: node.nodeId, genesis: encoded });
  }

  /** The cluster for work of clients. @throws DougError STARTING, DRAINING */
  #serving(): ClusterView {
    if (this.#draining || this.#closing !== null) {
      throw new DougError('DRAINING', 'this node is going down');
    }
    if (this.#cluster !== null) return this.#cluster.view;
    throw new DougError('STARTING', 'this node belongs to no cluster yet');
  }

  /** Admission, deadline, counting, and errors as the table wants them. */
  async #call<T>(
    method: string,
    admittedBytes: number | null,
    { deadlineMs }: CallContext,
    outcome: 'UNKNOWN' | 'NOT_APPLIED',
    run: () => Promise<T>,
  ): Promise<T> {
    let code = 'OK';
    let entered = false;
    try {
      if (this.#options.clock.monotonicMs() >= deadlineMs) {
        throw new DougError('DEADLINE', 'the time ran out before the call began');
      }
      if (admittedBytes !== null) {
        this.#admission.enter(admittedBytes);
        entered = true;
      }
      return await run();
    } catch (error) {
      const known = DougError.from(error, outcome);
      code = known.reason;
      if (code === 'INTERNAL') {
        this.#options.logger.error('member.call.failed', { method, reason: known.message });
      }
      throw this.#cluster?.view.complete(known) ?? known;
    } finally {
      if (entered) this.#admission.leave(admittedBytes ?? 0);
      this.#telemetry.requests.add(1, { method, code });
    }
  }

  #fatal(error: MemberError): void {
    if (this.#closing !== null) return;
    this.#options.logger.error('member.fatal', { code: error.code, reason: error.message });
    this.#options.onFatal(error.exitCode, error);
  }

  async #close(): Promise<void> {
    this.#genesis.stop();
    this.#foreignCheck?.stop();
    // An open that is under way is waited for: what it opens must be closed.
    await this.#genesis.settled();
    await this.#opening.catch(() => undefined);
    this.#cluster?.closeLinks();
    this.#streams.close();
    // The replicas answer whoever waits; then the pipes have nothing more to say.
    await this.#cluster?.view.store.close();
    for (const pipe of [...this.#pipes]) pipe.end();
    for (const stream of [...this.#watchStreams]) stream.end();
    await this.#wal.close();
    await this.#hardState.close();
    await this.#dataDir.release();
  }
}
