import { type LogFields, type Logger, silentMetrics, type Timer } from '@dougdb/ports';
import { type SimClock, SimFs, type SimRandom, type SimScheduler } from '@dougdb/ports/sim';
import type { Message } from '@dougdb/raft-core';
import {
  type AppliedState,
  type CommittedEntry,
  defaultReplicaSettings,
  type InitialRow,
  logTimeOf,
  Replica,
  type ReplicaSettings,
  type WindowBudget,
} from '@dougdb/replica';
import { type PartitionDescriptor, ReplicaRole } from '@dougdb/rpc-proto';
import { BlockCache, Db, type MemtableBudget } from '@dougdb/sstable';
import { Wal } from '@dougdb/wal';
import { bytesOf } from './commands.js';
import { HardStateDisk } from './hard-state-disk.js';
import { type Level, levelOf } from './levels.js';
import { type Answer, RecordingSink } from './sink.js';

export const TICK_MS = 10;
export const PARTITION = 2;

/** A partition [a, z) with voters 11, 12, ... on nodes 1, 2, ... */
export function descriptorOf(count: number): PartitionDescriptor {
  return {
    partitionId: PARTITION,
    keyspace: 1,
    start: bytesOf('a'),
    end: bytesOf('z'),
    epoch: { version: 1, conf: 1 },
    replicas: Array.from({ length: count }, (_, i) => ({
      replicaId: 11 + i,
      nodeId: 1 + i,
      role: ReplicaRole.REPLICA_ROLE_VOTER,
    })),
  };
}

export interface TestNodeOptions {
  readonly scheduler: SimScheduler;
  readonly random: SimRandom;
  readonly nodeId: number;
  readonly descriptor: PartitionDescriptor;
  readonly settings?: Partial<ReplicaSettings>;
  readonly memtableBytes?: number;
  readonly budget?: MemtableBudget;
  readonly cacheBytes?: number;
  readonly level0Tables?: number;
  /** Of this package, or of a world with a planted bug. */
  readonly replica?: typeof Replica;
  readonly send?: (toNodeId: number, message: Message) => void;
  readonly walMode?: 'strict' | 'replicated';
  readonly initialRows?: readonly InitialRow[];
  readonly chooseSuccessor?: (nodeIds: readonly number[]) => number;
  readonly watchBudget?: WindowBudget;
}

export interface WriteOptions {
  readonly timeoutMs?: number;
  readonly epoch?: number;
}

export interface LogLine {
  readonly level: string;
  readonly event: string;
  readonly fields: LogFields;
}

interface Process {
  readonly clock: SimClock;
  readonly wal: Wal;
  readonly db: Db;
  readonly replica: Replica;
  ticker: Timer | null;
}

/** One node with one replica on simulated disks that outlive its process. */
export class TestNode {
  readonly nodeId: number;
  readonly replicaId: number;
  readonly hardState: HardStateDisk;
  readonly sink = new RecordingSink();
  readonly log: LogLine[] = [];
  /** What the replica told of entries that it applied, over all its lives. */
  readonly begun: CommittedEntry[] = [];
  readonly applied: AppliedState[] = [];
  readonly fatal: unknown[] = [];
  fs: SimFs;
  /** How far the wall clock of the next process is ahead. */
  wallOffsetMs = 0;
  readonly #options: TestNodeOptions;
  #clock: SimClock;
  #process: Process | null = null;
  #starts = 0;

  constructor(options: TestNodeOptions) {
    this.#options = options;
    this.nodeId = options.nodeId;
    this.replicaId = 10 + options.nodeId;
    this.#clock = options.scheduler.clock();
    this.fs = new SimFs({ random: options.random.fork('fs'), clock: this.#clock });
    this.hardState = new HardStateDisk(options.scheduler, options.random.fork('hard-state'));
  }

  get running(): boolean {
    return this.#process !== null;
  }

  get replica(): Replica {
    return this.#running().replica;
  }

  get db(): Db {
    return this.#running().db;
  }

  get wal(): Wal {
    return this.#running().wal;
  }

  get clock(): SimClock {
    return this.#clock;
  }

  /** Opens disks and replica. Ticks begin with `tick()` or by themselves. */
  async start(withTicks = true): Promise<void> {
    const { scheduler, random, descriptor, settings, send } = this.#options;
    const { replica: made = Replica } = this.#options;
    const { initialRows = [], chooseSuccessor, watchBudget } = this.#options;
    const clock = this.#clock;
    const { fs } = this;
    const ports = { fs, clock, random: random.fork(`start-${++this.#starts}`) };
    const justMade = this.hardState.values.size === 0;
    const wal = await this.openWal();
    const db = await this.openDb();
    const replica = await made.open({
      ...ports,
      clusterId: new Uint8Array(16).fill(7),
      nodeId: this.nodeId,
      replicaId: this.replicaId,
      descriptor,
      genesisLogTime: logTimeOf(scheduler.startWallMs),
      db,
      wal,
      hardState: this.hardState.store(),
      transport: { send: (toNodeId, _partition, message) => send?.(toNodeId, message) },
      justMade,
      initialRows,
      ...(chooseSuccessor === undefined ? {} : { chooseSuccessor }),
      ...(watchBudget === undefined ? {} : { watchBudget }),
      settings: { ...defaultReplicaSettings, ...settings },
      logger: this.#logger({}),
      metrics: silentMetrics,
      observer: {
        begins: (entry) => this.begun.push(entry),
        applied: (state) => this.applied.push(state),
      },
      onFatal: (error) => {
        if (clock === this.#clock) this.fatal.push(error);
      },
    });
    if (clock !== this.#clock) return;
    this.#process = { clock, wal, db, replica, ticker: null };
    if (withTicks) this.#tickLater();
  }

  /** The log of a process that runs, or of a disk that a test prepares. */
  async openWal(): Promise<Wal> {
    const { wal } = await Wal.open({
      fs: this.fs,
      clock: this.#clock,
      random: this.#options.random.fork('wal'),
      dir: '/data/wal',
      quarantineDir: '/data/quarantine',
      segmentBytes: 1 << 18,
      mode: this.#options.walMode ?? 'strict',
    });
    return wal;
  }

  /** The database of a process that runs, or of a disk that a test prepares. */
  openDb(): Promise<Db> {
    const { memtableBytes, budget, cacheBytes, level0Tables, random } = this.#options;
    return Db.open({
      fs: this.fs,
      clock: this.#clock,
      random: random.fork('db'),
      dir: '/data/db',
      quarantineDir: '/data/quarantine',
      identity: new Uint8Array([this.replicaId]),
      cache: new BlockCache(cacheBytes ?? 1 << 20),
      ...(memtableBytes === undefined ? {} : { memtableBytes }),
      ...(budget === undefined ? {} : { budget }),
      ...(level0Tables === undefined ? {} : { level0Tables }),
    });
  }

  /** Power loss: of what was not synced so many percent happen to be on the disk. */
  crash(keepUnsyncedPercent = 0): void {
    this.#end();
    this.hardState.crash();
    this.fs = this.fs.crashClone({ keepUnsyncedPercent, clock: this.#clock });
  }

  /** A proper end of the process. */
  async stop(): Promise<void> {
    const { replica, db, wal, ticker } = this.#running();
    ticker?.cancel();
    await replica.close();
    await db.close();
    await wal.close();
    this.#end();
    // The same disk, with everything that was written, under the clock of the next process.
    this.fs.crash({ keepUnsyncedPercent: 100, clock: this.#clock });
  }

  write(command: Uint8Array, options: WriteOptions = {}): Promise<Answer> {
    return this.sink.answer(this.send(command, options));
  }

  /** As write(), for callers who look for the answer in `sink` themselves. */
  send(command: Uint8Array, options: WriteOptions = {}): number {
    const id = this.sink.id();
    const deadlineMs = this.#clock.monotonicMs() + (options.timeoutMs ?? 5000);
    const { length } = command;
    this.replica.write(command, 0, length, options.epoch ?? 0, deadlineMs, this.sink, id);
    return id;
  }

  read(
    key: string,
    options: { level?: Level; timeoutMs?: number; epoch?: number } = {},
  ): Promise<Answer> {
    const id = this.sink.id();
    const deadlineMs = this.#clock.monotonicMs() + (options.timeoutMs ?? 5000);
    const level = options.level ?? 'linearizable';
    this.replica.get(bytesOf(key), levelOf(level), options.epoch ?? 0, deadlineMs, this.sink, id);
    return this.sink.answer(id);
  }

  /** Fields of the log lines of an event. */
  events(event: string): LogFields[] {
    return this.log.filter((line) => line.event === event).map((line) => line.fields);
  }

  #end(): void {
    this.#clock.close();
    const { wallOffsetMs } = this;
    this.#clock = this.#options.scheduler.clock({ wallOffsetMs });
    this.#process = null;
  }

  #running(): Process {
    if (this.#process === null) throw new Error(`node ${this.nodeId} is down`);
    return this.#process;
  }

  #tickLater(): void {
    const process = this.#running();
    process.ticker = process.clock.setTimer(TICK_MS, () => {
      process.replica.tick();
      if (this.#process === process) this.#tickLater();
    });
  }

  #logger(base: LogFields): Logger {
    const line =
      (level: string) =>
      (event: string, fields: LogFields = {}) => {
        this.log.push({ level, event, fields: { ...base, ...fields } });
      };
    return {
      debug: line('debug'),
      info: line('info'),
      warn: line('warn'),
      error: line('error'),
      child: (fields) => this.#logger({ ...base, ...fields }),
    };
  }
}
