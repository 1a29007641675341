import {
  Member,
  type MemberOptions,
  type MemberSettings,
  type PeerLink,
  type UnaryMethod,
} from '@dougdb/member';
import { silentLogger, silentMetrics } from '@dougdb/ports';
import { type SimClock, SimFs, type SimRandom, type SimScheduler } from '@dougdb/ports/sim';
import type { ApplyObserver } from '@dougdb/replica';
import { HardStateDisk, SimHardStateStore } from './sim-hard-state.js';
import type { Listener, SimNetwork } from './sim-network.js';

export interface SimMemberOptions {
  readonly name: string;
  readonly address: string;
  readonly join: readonly string[];
  readonly scheduler: SimScheduler;
  readonly network: SimNetwork;
  readonly random: SimRandom;
  readonly settings: MemberSettings;
  readonly clocks: MachineClocks;
  /** Of a sync of the disk. */
  readonly syncDelayMs: readonly [leastMs: number, mostMs: number];
  readonly trace: (line: string) => void;
  /** Hears what the replicas here apply, as long as their process lives. */
  readonly observer: ApplyObserver;
}

/** What a machine thinks that time is. */
export interface MachineClocks {
  /** Its wall clock is ahead by so much, at first. */
  readonly wallOffsetMs: number;
  /** ... and by so much more or less after each start of a process, at most. */
  readonly startJumpMs: number;
  /** How fast its monotonic clock runs. */
  readonly driftRatio: number;
}

/** How a process ended: by the simulation, or by itself with an exit code. */
export interface Death {
  readonly exitCode: number | null;
  readonly error: unknown;
}

/**
 * A machine with one member process on it: the disks outlive the process. `crash` is a power loss (or
 * kill -9 with lost page cache): unsynced data goes as far as the percentage says.
 */
export class SimMember {
  readonly name: string;
  readonly address: string;
  readonly #options: SimMemberOptions;
  readonly #hardState = new HardStateDisk();
  #diskClock: SimClock;
  #fs: SimFs;
  #process: Process | null = null;
  #starts = 0;
  #wallOffsetMs: number;
  /** Every operation of the disk takes so much longer. */
  #diskDelayMs = 0;
  /** Deaths that the simulation did not order. */
  readonly deaths: Death[] = [];

  constructor(options: SimMemberOptions) {
    this.name = options.name;
    this.address = options.address;
    this.#options = options;
    this.#wallOffsetMs = options.clocks.wallOffsetMs;
    this.#diskClock = options.scheduler.clock();
    this.#fs = new SimFs({
      random: options.random.fork('disk'),
      clock: this.#diskClock,
      syncDelayMs: options.syncDelayMs,
    });
  }

  get running(): boolean {
    return this.#process !== null;
  }

  /** The disk as the running process sees it. */
  get fs(): SimFs {
    return this.#fs;
  }

  get member(): Member | null {
    return this.#process?.member ?? null;
  }

  /** Starts the process. What it does on the way is driven by the scheduler. */
  start(): void {
    if (this.#process !== null) throw new Error(`${this.name} runs already`);
    const { scheduler, random, clocks } = this.#options;
    const jump = random.fork(`wall-${this.#starts}`).next() - 0.5;
    this.#wallOffsetMs += Math.floor(2 * jump * clocks.startJumpMs);
    const process: Process = {
      clock: scheduler.clock({
        wallOffsetMs: this.#wallOffsetMs,
        driftRatio: clocks.driftRatio,
      }),
      store: null,
      member: null,
      alive: true,
    };
    this.#process = process;
    this.#starts++;
    const options = this.#memberOptions(process, random.fork(`process-${this.#starts}`));
    this.#options.trace(`${this.name} start`);
    Member.open(options).then(
      (member) => this.#opened(process, member),
      (error: unknown) => this.#died(process, exitCodeOf(error), error),
    );
  }

  /** Power loss. `keepUnsyncedPercent` of what was written and not synced happens to be on the disk. */
  crash(keepUnsyncedPercent: number): void {
    const process = this.#process;
    this.#end();
    process?.store?.crash();
    const dead = this.#fs;
    const clock = this.#options.scheduler.clock();
    this.#fs = dead.crashClone({ keepUnsyncedPercent, clock });
    // What is left of the dead process (promises) must not touch the disk of the next one.
    dead.crashAtOperation(dead.operationCount + 1);
    this.#diskClock.close();
    this.#diskClock = clock;
    this.#delayDisk();
    this.#options.trace(`${this.name} crash ${keepUnsyncedPercent}`);
  }

  /** kill -9: the system lives on, so everything written is there for the next process. */
  kill(): void {
    this.crash(100);
  }

  /** Carries out a power loss that was planned in the file system and has come. */
  crashIfPlanned(keepUnsyncedPercent: number): boolean {
    if (!this.#fs.crashed) return false;
    this.crash(keepUnsyncedPercent);
    return true;
  }

  pause(): void {
    this.#process?.clock.pause();
  }

  resume(): void {
    this.#process?.clock.resume();
  }

  /** The machine's wall clock jumps, either way; it stays so over restarts. */
  jumpWall(byMs: number): void {
    this.#wallOffsetMs += byMs;
    this.#process?.clock.jumpWall(byMs);
  }

  /** Every operation of the disk takes so much longer; 0: no more. */
  slowDisk(byMs: number): void {
    this.#diskDelayMs = byMs;
    this.#delayDisk();
  }

  #delayDisk(): void {
    const delayMs = this.#diskDelayMs;
    this.#fs.onOperation(delayMs === 0 ? null : () => ({ fault: 'delay', delayMs }));
  }

  #memberOptions(process: Process, random: SimRandom): MemberOptions {
    const { network, scheduler } = this.#options;
    return {
      dataDir: '/data',
      fs: this.#fs,
      clock: process.clock,
      random,
      logger: silentLogger,
      metrics: silentMetrics,
      network: {
        openLink: (address, _channel, events) =>
          process.alive ? network.open('peer', this.address, address, events) : deadLink,
        genesis: (address, method, request, timeoutMs) =>
          network.unary(
            this.address,
            address,
            `/dougdb.raft.v1.Genesis/${method}`,
            request,
            timeoutMs,
          ),
      },
      openHardState: (dir) => {
        // The database file itself is made durably before the real store answers.
        if (this.#fs.stat(`${dir}/data.mdb`) === null) {
          this.#fs.plant(`${dir}/data.mdb`, new Uint8Array(1));
        }
        process.store = new SimHardStateStore(
          this.#hardState,
          scheduler,
          random.fork('hard-state'),
          () => process.alive,
        );
        return Promise.resolve(process.store);
      },
      advertise: this.address,
      join: this.#options.join,
      settings: this.#options.settings,
      observer: {
        begins: (entry) => {
          if (process.alive && !this.#fs.crashed) this.#options.observer.begins(entry);
        },
        applied: (state) => {
          if (process.alive && !this.#fs.crashed) this.#options.observer.applied(state);
        },
      },
      onFatal: (exitCode, error) => this.#died(process, exitCode, error),
      version: 'simulated',
    };
  }

  #opened(process: Process, member: Member): void {
    if (!process.alive) return;
    process.member = member;
    const listener: Listener = {
      accept: (kind, reply, end) => {
        if (kind === 'peer') return member.acceptLink(reply, end);
        if (kind === 'pipe') return member.openPipe({ send: reply, drained() {}, fail: end });
        return member.openWatches({ send: reply, queuedBytes: 0, fail: end });
      },
      unary: (path, request, timeoutMs) =>
        member.unary(path as UnaryMethod, request, {
          deadlineMs: process.clock.monotonicMs() + timeoutMs,
        }),
    };
    this.#options.network.listen(this.address, listener);
    // A process that never gets to serve says so by onFatal; the simulation looks at the outcome.
    member.whenJoined().catch((error: unknown) => this.#died(process, exitCodeOf(error), error));
  }

  #died(process: Process, exitCode: number, error: unknown): void {
    if (!process.alive || this.#process !== process || this.#fs.crashed) return;
    this.deaths.push({ exitCode, error });
    this.#options.trace(`${this.name} died ${exitCode}`);
    this.#end();
  }

  #end(): void {
    const process = this.#process;
    if (process === null) return;
    process.alive = false;
    process.clock.close();
    this.#process = null;
    this.#options.network.kill(this.address);
  }
}

/** What a process gets that no longer exists. */
const deadLink: PeerLink = { send: () => false, close() {} };

interface Process {
  readonly clock: SimClock;
  store: SimHardStateStore | null;
  member: Member | null;
  alive: boolean;
}

function exitCodeOf(error: unknown): number {
  const code = (error as { exitCode?: unknown } | null)?.exitCode;
  return typeof code === 'number' ? code : 1;
}
