import { SimFs, SimRandom, SimScheduler } from '@dougdb/ports/sim';
import { BlockCache, Db } from '@dougdb/sstable';
import { decodeReplicaState, encodeReplicaState } from '../../src/format/replica-state-format.js';
import { ApplyOutcome } from '../../src/state/apply-outcome.js';
import { genesisState } from '../../src/state/replica-state.js';
import { StateMachine } from '../../src/state/state-machine.js';
import type { Op } from './command-model.js';
import { textOf } from './commands.js';
import { brief } from './sink.js';
import { descriptorOf } from './test-node.js';
import { briefDeletion, briefTxn } from './txns.js';

/** What a machine is made of: the modules of this package, or of a world with a planted bug. */
export interface MachineModules {
  readonly StateMachine: typeof StateMachine;
  readonly decodeReplicaState: typeof decodeReplicaState;
  readonly encodeReplicaState: typeof encodeReplicaState;
  readonly genesisState: typeof genesisState;
}

export const realModules: MachineModules = {
  ...{ StateMachine, decodeReplicaState, encodeReplicaState, genesisState },
};

export interface MachineOptions {
  readonly cacheBytes: number;
  readonly blockBytes: number;
  readonly level0Tables: number;
}

/** One command of an entry. */
export interface Logged {
  readonly op: Op['op'];
  readonly command: Uint8Array;
}

const START = 4096 * 60_000_000;
/** Of the first entry: a partition begins behind entry 1. */
const FIRST_INDEX = 2;

/** A state machine over a real database on a simulated disk, with the log that made it. */
export class CommandMachine {
  readonly scheduler = new SimScheduler();
  /** What each command of the log has answered. */
  readonly told: string[][] = [];
  readonly log: (readonly Logged[])[] = [];
  /** Looks that had to wait. */
  waits = 0;
  readonly #modules: MachineModules;
  readonly #options: MachineOptions;
  readonly #fs: SimFs;
  readonly #clock = this.scheduler.clock();
  #db: Db | null = null;
  #machine: StateMachine | null = null;
  #pauses = 0;

  constructor(modules: MachineModules, options: MachineOptions) {
    this.#modules = modules;
    this.#options = options;
    this.#fs = new SimFs({ random: new SimRandom(1), clock: this.#clock });
  }

  static async open(modules: MachineModules, options: MachineOptions): Promise<CommandMachine> {
    const machine = new CommandMachine(modules, options);
    await machine.#open();
    return machine;
  }

  get machine(): StateMachine {
    if (this.#machine === null) throw new Error('it is not open');
    return this.#machine;
  }

  get pauses(): number {
    return this.#pauses;
  }

  /** A log time at which sessions may begin. */
  get startedAt(): number {
    return START;
  }

  /** One more entry; what its commands answer. */
  async apply(entry: readonly Logged[]): Promise<readonly string[]> {
    this.log.push(entry);
    const told = await this.#applyEntry(this.log.length - 1);
    this.told.push(told);
    return told;
  }

  /** Between two entries: ties what was applied to the state record. Its flush goes on in the background. */
  freeze(): void {
    const { state } = this.machine;
    this.#openDb().setHistoryFloor(state.revision);
    this.#openDb().freeze(this.#modules.encodeReplicaState(state));
  }

  /** Lets what goes on in the background go on. */
  settle(ms: number): Promise<void> {
    return this.scheduler.advance(ms);
  }

  /** Loses what was not flushed and applies the log again from there: everything must come out as before. */
  async restart(): Promise<void> {
    const before = this.fingerprint();
    await this.close();
    await this.#open();
    for (let at = this.machine.state.appliedIndex + 1 - FIRST_INDEX; at < this.log.length; at++) {
      const told = await this.#applyEntry(at);
      expect({ at, told }).toEqual({ at, told: this.told[at] });
    }
    expect(this.fingerprint()).toEqual(before);
  }

  /** Everything of the state that is to be the same on every replica. */
  fingerprint(): { readonly record: string; readonly held: string[] } {
    const { state } = this.machine;
    const record = Buffer.from(this.#modules.encodeReplicaState(state)).toString('base64');
    return { record, held: this.held() };
  }

  /** 'key=value@revision', by key. */
  held(): string[] {
    const iterator = this.#openDb().iterator();
    const held: string[] = [];
    while (iterator.next()) {
      held.push(`${textOf(iterator.key())}=${textOf(iterator.value())}@${iterator.sequence()}`);
    }
    iterator.close();
    return held;
  }

  async close(): Promise<void> {
    await this.scheduler.runWhilePending(this.#openDb().close());
    this.#db = null;
    this.#machine = null;
  }

  async #applyEntry(at: number): Promise<string[]> {
    const { machine } = this;
    machine.beginEntry(START + 1 + at, 1);
    const told: string[] = [];
    for (const { op, command } of this.log[at] ?? []) {
      let outcome = machine.apply(command, 0, command.length);
      if (outcome === null) {
        this.waits++;
        await this.scheduler.runWhilePending(machine.lookEnded());
        outcome = machine.resume(command);
      }
      told.push(this.#answer(op, outcome));
    }
    machine.endEntry(FIRST_INDEX + at, 1);
    return told;
  }

  #answer(op: Op['op'], outcome: ApplyOutcome): string {
    if (outcome !== ApplyOutcome.Applied && outcome !== ApplyOutcome.Duplicate) {
      return `outcome ${outcome}`;
    }
    const { looked, revision } = this.machine;
    if (looked === null) return `written ${revision}`;
    const answer = { kind: 'looked', write: looked } as const;
    if (op === 'txn') return briefTxn(answer);
    return op === 'delete-range' ? briefDeletion(answer) : brief(answer);
  }

  async #open(): Promise<void> {
    const { cacheBytes, ...options } = this.#options;
    const opening = Db.open({
      fs: this.#fs,
      clock: this.#clock,
      random: new SimRandom(2),
      dir: '/db',
      quarantineDir: '/quarantine',
      identity: new Uint8Array([1]),
      cache: new BlockCache(cacheBytes),
      ...options,
    });
    const db = await this.scheduler.runWhilePending(opening);
    const descriptor = {
      ...descriptorOf(1),
      start: new Uint8Array(0),
      end: new Uint8Array(0),
    };
    const state =
      db.hostState === null
        ? this.#modules.genesisState(descriptor, START)
        : this.#modules.decodeReplicaState(db.hostState);
    const pause = (): Promise<void> => {
      this.#pauses++;
      return new Promise((resolve) => this.#clock.defer(resolve));
    };
    this.#db = db;
    this.#machine = new this.#modules.StateMachine(state, db, { looked: () => undefined, pause });
  }

  #openDb(): Db {
    if (this.#db === null) throw new Error('it is not open');
    return this.#db;
  }
}
