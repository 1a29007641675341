import { SimRandom } from '@dougdb/ports/sim';
import {
  type Config,
  type ConfState,
  type Entry,
  EntryType,
  type Message,
  MessageType,
  RawNode,
} from '@dougdb/raft-core';
import { Coverage } from './coverage.js';
import { EventKind } from './event-queue.js';
import { EventTrace } from './event-trace.js';
import { Oracle } from './oracle/oracle.js';
import { Resources } from './oracle/resources.js';
import { namedWorkload, type Plan } from './plan/plan.js';
import { RaftProcess } from './process/raft-process.js';
import type { GroupOptions, RaftCore, RuleChecks, World } from './world.js';

const GENESIS: Entry = {
  ...{ term: 1, index: 1, type: EntryType.EntryNormal },
  ...{ data: new Uint8Array(0), checksum: 0 },
};

/** Rounds of messages until nothing more is said; more mean that a script does not end. */
const MAX_ROUNDS = 2000;

/**
 * The processes, disks and the oracle of the simulator under a script that decides what arrives and
 * whose clock ticks: for runs that chance finds rarely. Disks and hosts work at once.
 */
export class ScriptedGroup implements World {
  readonly plan: Plan;
  readonly core: RaftCore;
  readonly rules: RuleChecks;
  readonly oracle: Oracle;
  readonly resources: Resources;
  readonly coverage = new Coverage();
  readonly trace = new EventTrace({ isWhole: true });
  readonly processes: RaftProcess[] = [];
  nowUs = 1_000_000;
  /** Which messages arrive; the others are held. */
  passes: (m: Message) => boolean = () => true;
  held: Message[] = [];
  #sent: Message[] = [];
  #work: { readonly kind: EventKind; readonly process: RaftProcess; readonly life: number }[] = [];

  constructor(
    voters: number,
    config: Partial<Config>,
    options: Omit<GroupOptions, 'isTraceWhole'> = {},
  ) {
    this.core = options.core ?? { RawNode };
    this.rules = options.rules ?? 'checked';
    this.plan = {
      ...namedWorkload('script', 1),
      drift: 0,
      config: { electionTick: 10, heartbeatTick: 1, ...config },
    };
    this.resources = new Resources(this.plan.config);
    const ids = Array.from({ length: voters }, (_, i) => i + 1);
    this.oracle = new Oracle(GENESIS, confOf(ids));
    for (const _ of ids) this.#born(confOf(ids), GENESIS);
  }

  get holders(): readonly RaftProcess['disk'][] {
    return this.processes.map((process) => process.disk);
  }

  /** @throws RangeError if there is no such process */
  process(id: number): RaftProcess {
    const process = this.processes[id - 1];
    if (process === undefined) throw new RangeError(`no process ${id}`);
    return process;
  }

  /** A process without a log. */
  newcomer(): RaftProcess {
    return this.#born(confOf([]), null);
  }

  /** Only messages between these arrive. */
  connect(...ids: readonly number[]): void {
    this.passes = (m) => ids.includes(m.from) && ids.includes(m.to);
  }

  /** Everything that may arrive arrives, and what follows from it. */
  exchange(): void {
    for (let round = 0; round < MAX_ROUNDS; round++) {
      this.#doWork();
      const m = this.#sent.shift();
      if (m === undefined) return;
      if (this.passes(m)) this.deliver(m);
      else this.held.push(m);
    }
    throw new Error('the script does not come to an end');
  }

  /** Messages that were held arrive now, and nothing else. */
  release(which: (m: Message) => boolean): number {
    const now = this.held.filter(which);
    this.held = this.held.filter((m) => !which(m));
    for (const m of now) this.deliver(m);
    return now.length;
  }

  deliver(m: Message): void {
    const status = this.process(m.to).receive(m);
    this.trace.note(this.nowUs, status, m.to, m.type, m);
    this.#doWork();
    if (m.type !== MessageType.MsgSnap) return;
    this.process(m.from).ask((node) => node.reportSnapshot(m.to, true));
  }

  /** Ticks pass at these processes, by their clocks at the others too. */
  tick(count: number, ...ids: readonly number[]): void {
    for (let i = 0; i < count; i++) {
      this.nowUs += this.plan.tickUs;
      for (const id of ids) {
        const process = this.process(id);
        const { lifeNumber: life } = process;
        const event = { atUs: this.nowUs, seq: 0, id, life, message: null, action: null };
        process.handle({ ...event, kind: EventKind.Tick });
      }
      this.exchange();
    }
  }

  campaign(id: number): void {
    this.process(id).ask((node) => node.campaign());
    this.exchange();
  }

  crash(id: number): void {
    this.process(id).crash({ share: 0, flushes: false });
  }

  start(id: number, forgets = false): void {
    this.process(id).start({ isNew: false, forgets });
    this.exchange();
  }

  schedule(kind: EventKind, process: RaftProcess): void {
    if (kind !== EventKind.Tick) this.#work.push({ kind, process, life: process.lifeNumber });
  }

  send(m: Message): void {
    this.#sent.push(m);
  }

  elected(leader: RaftProcess): void {
    this.trace.note(this.nowUs, 'elected', leader.id, leader.term);
  }

  confChanged(): void {
    this.coverage.hit('conf-changed');
  }

  removed(): void {
    this.coverage.hit('voter-removed');
  }

  #doWork(): void {
    for (let i = 0; this.#work.length > 0; i++) {
      if (i > MAX_ROUNDS) throw new Error('the work does not come to an end');
      const next = this.#work.shift();
      if (next === undefined || next.life !== next.process.lifeNumber) continue;
      const event = { atUs: this.nowUs, seq: 0, id: next.process.id, life: next.life };
      next.process.handle({ ...event, kind: next.kind, message: null, action: null });
    }
  }

  #born(conf: ConfState, genesis: Entry | null): RaftProcess {
    const id = this.processes.length + 1;
    const random = new SimRandom('script');
    const process = new RaftProcess(id, conf, { world: this, genesis, drift: 1, random });
    this.processes.push(process);
    process.start({ isNew: true });
    return process;
  }
}

const confOf = (voters: readonly number[]): ConfState => ({
  ...{ voters, learners: [], votersOutgoing: [] },
  ...{ learnersNext: [], autoLeave: false },
});
