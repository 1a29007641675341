import { resolve } from 'node:path';
import { isLoopback } from '@dougdb/host';
import { AdminServer, EventLoopLag, type PromMetrics, processMetrics } from '@dougdb/host/node';
import { Member, type MemberOptions } from '@dougdb/member';
import type { Logger } from '@dougdb/ports';
import { NodeClock, NodeFs, NodeRandom } from '@dougdb/ports/node';
import { defaultReplicaSettings } from '@dougdb/replica';
import { TableWorkers } from '@dougdb/sstable/node';
import { memoryPlan, type NodeConfig } from './config/schema.js';
import { GrpcServer } from './grpc/grpc-server.js';
import { MemberHolder } from './grpc/member-holder.js';
import { GrpcPeerNetwork } from './grpc/peer-network.js';
import { LmdbHardState } from './hard-state/lmdb-hard-state.js';
import { testHook } from './test-hooks.js';
import { version } from './version.js';

/** A Raft tick. */
const TICK_MS = 10;
/** How often readiness is looked at. */
const READY_LOOK_MS = 20;
/** All of stopping takes at most 10 s; this much of it waits for work in flight. */
const DRAIN_MS = 8_000;
const GRACE_MS = 1_000;
/** All tables of a node of 1 TiB are read over in three days. */
const SCRUB_BYTES_PER_SECOND = 4 << 20;

export interface RunningNodeOptions {
  readonly config: NodeConfig;
  readonly logger: Logger;
  /** The admin port lets tests stop single replicas. Default: it does not. */
  readonly withTestHooks?: boolean;
  /** The process must end with this exit code; the node is not usable any more. */
  readonly onFatal: (exitCode: number, error: unknown) => void;
}

/** A member with its ports open. */
export class RunningNode {
  readonly grpcAddress: string;
  readonly adminAddress: string;
  readonly #member: Member;
  readonly #server: GrpcServer;
  readonly #admin: AdminServer;
  readonly #network: GrpcPeerNetwork;
  readonly #lag: EventLoopLag;
  readonly #tableWorkers: TableWorkers | null;
  readonly #readyTimer: NodeJS.Timeout;
  #stopping: Promise<void> | null = null;

  private constructor(parts: Parts, member: Member) {
    this.#member = member;
    this.#server = parts.server;
    this.#admin = parts.admin;
    this.#network = parts.network;
    this.#lag = parts.lag;
    this.#tableWorkers = parts.tableWorkers;
    this.grpcAddress = parts.server.address;
    this.adminAddress = parts.admin.address;
    const look = (): void => this.#server.health.set(member.notReadyReason() === null);
    this.#readyTimer = setInterval(look, READY_LOOK_MS);
  }

  /**
   * Opens the ports, then the data directory.
   * @throws UsageError (exit code 2: port in use), MemberError (its `exitCode`)
   */
  static async start(options: RunningNodeOptions): Promise<RunningNode> {
    const { config, logger, withTestHooks = false } = options;
    if (withTestHooks) logger.warn('node.test_hooks', { reason: 'DOUG_TEST_HOOKS is set' });
    const holder = new MemberHolder();
    const metrics = processMetrics(version);
    const parts: Parts = {
      server: new GrpcServer(holder),
      admin: new AdminServer({
        notReadyReason: () => holder.notReadyReason(),
        renderMetrics: () => metrics.render(),
        post: withTestHooks ? (path) => testHook(holder.member(), path) : undefined,
      }),
      network: new GrpcPeerNetwork(),
      lag: new EventLoopLag(metrics),
      tableWorkers: tableWorkers(config.tableThreads),
    };
    try {
      await parts.admin.listen(config.admin);
      await parts.server.listen(config.listen);
      if (!isLoopback(config.listen)) {
        logger.warn('node.insecure', {
          listen: config.listen,
          reason: 'no TLS, no authentication',
        });
      }
      const member = await Member.open(memberOptions(options, parts, metrics));
      holder.set(member);
      return new RunningNode(parts, member);
    } catch (error) {
      await closeParts(parts, 0);
      throw error;
    }
  }

  /** Null when this node serves; otherwise why not. */
  notReadyReason(): string | null {
    return this.#member.notReadyReason();
  }

  /** Resolves when the node serves for the first time; rejects when it cannot. */
  async whenReady(): Promise<void> {
    await this.#member.whenJoined();
    while (this.#member.notReadyReason() !== null && this.#stopping === null) {
      await new Promise((done) => setTimeout(done, READY_LOOK_MS));
    }
  }

  /** Hands over, finishes what is in flight, closes everything; at most about 10 s. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    clearInterval(this.#readyTimer);
    this.#server.health.set(false);
    await this.#member.drain(DRAIN_MS);
    await this.#member.close();
    await closeParts(
      {
        server: this.#server,
        admin: this.#admin,
        network: this.#network,
        lag: this.#lag,
        tableWorkers: this.#tableWorkers,
      },
      GRACE_MS,
    );
  }
}

interface Parts {
  readonly server: GrpcServer;
  readonly admin: AdminServer;
  readonly network: GrpcPeerNetwork;
  readonly lag: EventLoopLag;
  /** Null: tables are written in slices on the loop. */
  readonly tableWorkers: TableWorkers | null;
}

function tableWorkers(threads: number): TableWorkers | null {
  return threads === 0 ? null : new TableWorkers({ threads: threads === 1 ? 1 : 2 });
}

async function closeParts(parts: Parts, graceMs: number): Promise<void> {
  parts.network.close();
  parts.lag.stop();
  await parts.server.close(graceMs);
  await parts.admin.close();
  await parts.tableWorkers?.close();
}

function memberOptions(
  { config, logger, onFatal }: RunningNodeOptions,
  parts: Parts,
  metrics: PromMetrics,
): MemberOptions {
  return {
    dataDir: resolve(config.dataDir),
    fs: new NodeFs(),
    clock: new NodeClock(),
    random: new NodeRandom(),
    logger,
    metrics,
    network: parts.network,
    ...(parts.tableWorkers === null ? {} : { tableWorkers: parts.tableWorkers }),
    openHardState: (dir) => LmdbHardState.open(dir),
    advertise: config.advertise ?? parts.server.address,
    join: config.join,
    settings: {
      splitAt: config.splitAt.map((key) => new TextEncoder().encode(key)),
      replicationFactor: config.replicationFactor,
      leaseReads: config.leaseReads,
      tickMs: TICK_MS,
      replica: { ...defaultReplicaSettings, historyMs: config.history * 1000 },
      ...memoryPlan(config.memory),
      scrubBytesPerSecond: SCRUB_BYTES_PER_SECOND,
    },
    onFatal,
    version,
  };
}
