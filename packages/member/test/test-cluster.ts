import { silentMetrics } from '@dougdb/ports';
import { drainLoop } from '@dougdb/ports/node';
import {
  type LogLine,
  type RecordingLogger,
  recordingLogger,
  type SimClock,
  SimFs,
  SimRandom,
  SimScheduler,
} from '@dougdb/ports/sim';
import { defaultReplicaSettings } from '@dougdb/replica';
import { Member, type MemberOptions, type MemberSettings, type UnaryMethod } from '../src/index.js';
import { FileHardState } from './file-hard-state.js';
import { MemoryNetwork } from './memory-network.js';

export const DATA_DIR = '/data';

export const testSettings: MemberSettings = {
  splitAt: [],
  replicationFactor: 5,
  tickMs: 10,
  replica: defaultReplicaSettings,
  memtableBytes: 1 << 20,
  memtableBudgetBytes: 8 << 20,
  blockCacheBytes: 1 << 20,
  walSegmentBytes: 1 << 18,
};

/** How a process ended by itself. */
export interface Death {
  readonly exitCode: number;
  readonly error: { readonly code: string; readonly message: string };
}

interface Process {
  readonly clock: SimClock;
  member: Member | null;
  alive: boolean;
}

/** A machine: its disk, and at most one member process on it. */
export class TestNode {
  address: string;
  readonly deaths: Death[] = [];
  readonly logger: RecordingLogger = recordingLogger();
  fs: SimFs;
  options: Partial<MemberOptions> = {};
  readonly #cluster: TestCluster;
  #process: Process | null = null;
  #starts = 0;

  constructor(cluster: TestCluster, address: string, random: SimRandom) {
    this.#cluster = cluster;
    this.address = address;
    this.fs = new SimFs({ random });
  }

  get running(): boolean {
    return this.#process !== null;
  }

  /** @throws if the process is not running or has not opened yet */
  get member(): Member {
    const member = this.#process?.member;
    if (!member) throw new Error(`${this.address} does not run`);
    return member;
  }

  /** Null while the process does not run or has not opened yet. */
  get opened(): Member | null {
    return this.#process?.member ?? null;
  }

  get clock(): SimClock {
    if (this.#process === null) throw new Error(`${this.address} does not run`);
    return this.#process.clock;
  }

  /** Null when it serves; otherwise why not, its death included. */
  get notReadyReason(): string | null {
    if (this.#process?.member) return this.#process.member.notReadyReason();
    const death = this.deaths.at(-1);
    return death === undefined ? 'not open' : `died ${death.exitCode}: ${death.error.message}`;
  }

  get logs(): readonly LogLine[] {
    return this.logger.lines;
  }

  /** Starts the process; it goes on as the scheduler runs. */
  start(): void {
    const { scheduler, network, random } = this.#cluster;
    const process: Process = { clock: scheduler.clock(), member: null, alive: true };
    this.#process = process;
    const { fs, address } = this;
    this.#starts++;
    const options: MemberOptions = {
      dataDir: DATA_DIR,
      fs,
      clock: process.clock,
      random: random.fork(`${address}/${this.#starts}`),
      logger: this.logger,
      metrics: silentMetrics,
      network: network.from(address),
      openHardState: (dir) => FileHardState.open(fs, dir),
      advertise: address,
      join: this.#cluster.join,
      settings: this.#cluster.settings,
      onFatal: (exitCode, error) => this.#died(process, exitCode, error),
      version: 'test',
      ...this.options,
    };
    Member.open(options).then(
      (member) => {
        if (!process.alive) return;
        process.member = member;
        network.listen(address, {
          acceptLink: (reply, end) => member.acceptLink(reply, end),
          genesis: (method, request) =>
            member.unary(`/dougdb.raft.v1.Genesis/${method}`, request, soon(process.clock)),
        });
      },
      (error: unknown) => {
        const { exitCode } = error as { exitCode?: number };
        this.#died(process, exitCode ?? 1, error);
      },
    );
  }

  /** Power loss. */
  crash(keepUnsyncedPercent = 0): void {
    this.#end();
    this.fs = this.fs.crashClone({ keepUnsyncedPercent });
  }

  /** It will listen elsewhere from its next start on. */
  moveTo(address: string): void {
    this.address = address;
  }

  /** The machine comes back with an empty disk. */
  wipe(): void {
    this.#end();
    this.fs = new SimFs({ random: this.#cluster.random.fork(`wiped/${this.address}`) });
  }

  /** Ends the process well. */
  async close(): Promise<void> {
    const process = this.#process;
    if (process?.member) await this.#cluster.run(process.member.close());
    this.#end();
  }

  unary(method: UnaryMethod, request: Uint8Array, timeoutMs = 5_000): Promise<Uint8Array> {
    const deadlineMs = this.clock.monotonicMs() + timeoutMs;
    return this.#cluster.run(this.member.unary(method, request, { deadlineMs }));
  }

  #died(process: Process, exitCode: number, error: unknown): void {
    if (!process.alive || this.#process !== process) return;
    this.deaths.push({ exitCode, error: error as Death['error'] });
    this.#end();
  }

  #end(): void {
    if (this.#process === null) return;
    this.#process.alive = false;
    this.#process.clock.close();
    this.#process = null;
    this.#cluster.network.kill(this.address);
  }
}

/** Members on simulated machines, on one virtual clock, from one seed. */
export class TestCluster {
  readonly scheduler = new SimScheduler({ drain: drainLoop });
  readonly network = new MemoryNetwork(this.scheduler);
  readonly random: SimRandom;
  readonly nodes: readonly TestNode[];
  readonly join: readonly string[];
  readonly settings: MemberSettings;

  /** @param count - members; one alone is started without a list @param splitAt - as text */
  constructor(
    count: number,
    seed: number | string = 1,
    splitAt: readonly string[] = [],
    settings: Partial<MemberSettings> = {},
  ) {
    this.random = new SimRandom(seed);
    const keys = splitAt.map((key) => new TextEncoder().encode(key));
    this.settings = { ...testSettings, splitAt: keys, ...settings };
    const addresses = Array.from({ length: count }, (_, at) => `n${at + 1}:4400`);
    this.join = count === 1 ? [] : addresses;
    this.nodes = addresses.map((a) => new TestNode(this, a, this.random.fork(`disk/${a}`)));
  }

  node(at: number): TestNode {
    const node = this.nodes[at];
    if (node === undefined) throw new Error(`no node ${at}`);
    return node;
  }

  startAll(): void {
    for (const node of this.nodes) if (!node.running) node.start();
  }

  run<T>(promise: Promise<T>): Promise<T> {
    return this.scheduler.runWhilePending(promise);
  }

  advance(durationMs: number): Promise<void> {
    return this.scheduler.advance(durationMs);
  }

  /** Lets time pass until it holds. @throws after limitMs of virtual time */
  async until(what: string, holds: () => boolean, limitMs = 20_000): Promise<void> {
    const endMs = this.scheduler.nowMs + limitMs;
    while (!holds()) {
      if (this.scheduler.nowMs >= endMs) throw new Error(`not within ${limitMs} ms: ${what}`);
      await this.scheduler.advance(10);
    }
  }

  /** All processes serve and know a leader. */
  async ready(nodes: readonly TestNode[] = this.nodes): Promise<void> {
    try {
      await this.until('ready', () => nodes.every((node) => node.notReadyReason === null));
    } catch (cause) {
      const reasons = nodes.map((node) => `${node.address}: ${node.notReadyReason}`);
      throw new Error(`not ready: ${reasons.join('; ')}`, { cause });
    }
  }
}

function soon(clock: SimClock): { deadlineMs: number } {
  return { deadlineMs: clock.monotonicMs() + 5_000 };
}
