import { SimRandom } from '@dougdb/ports/sim';
import {
  type ConfState,
  type Entry,
  EntryType,
  isJoint,
  type Message,
  RawNode,
  type ReplicaId,
} from '@dougdb/raft-core';
import { Violation } from '@dougdb/raft-core/testing';
import { Coverage } from './coverage.js';
import { deliver } from './delivery.js';
import { EventKind, EventQueue, type SimEvent } from './event-queue.js';
import { EventTrace } from './event-trace.js';
import { begin, end } from './faults/nemesis.js';
import { Operations } from './faults/operations.js';
import { confOf, isMemberOf } from './members.js';
import { ModelCheck } from './oracle/model-check.js';
import { Oracle } from './oracle/oracle.js';
import { Resources } from './oracle/resources.js';
import type { Action } from './plan/actions.js';
import type { Plan } from './plan/plan.js';
import { RaftProcess } from './process/raft-process.js';
import { RaftNetwork } from './raft-network.js';
import type { GroupOptions, RaftCore, RuleChecks, World } from './world.js';

/** Replicas that may be made in one run; ids are never used again. */
const MAX_IDS = 24;
/** What the system keeps for a process that is paused. */
const MAX_STASH = 4096;
/** Members at a time. */
export const MAX_MEMBERS = 7;

/** A group, its network and its clients, in one thread on a virtual clock. */
export class RaftGroup implements World {
  readonly plan: Plan;
  readonly core: RaftCore;
  readonly rules: RuleChecks;
  readonly oracle: Oracle;
  readonly resources: Resources;
  readonly coverage = new Coverage();
  readonly trace: EventTrace;
  readonly network: RaftNetwork;
  readonly processes: RaftProcess[] = [];
  readonly holders: RaftProcess['disk'][] = [];
  nowUs = 0;
  /** Events that happened. */
  events = 0;
  /** Faults are over: nothing goes wrong any more. */
  isHealing = false;
  readonly #queue = new EventQueue();
  readonly #random: SimRandom;
  readonly #operations: Operations;
  readonly #genesis: Entry;
  readonly #model: ModelCheck;
  #untilCheck: number;
  #areClientsGone = false;

  constructor(plan: Plan, options: GroupOptions = {}) {
    this.plan = plan;
    this.core = options.core ?? { RawNode };
    this.rules = options.rules ?? 'checked';
    this.trace = new EventTrace({ isWhole: options.isTraceWhole ?? false });
    this.#random = new SimRandom(plan.seed);
    this.#untilCheck = plan.fullCheckEvery;
    this.#genesis = {
      ...{ term: 1, index: 1, type: EntryType.EntryNormal },
      ...{ data: new Uint8Array(0), checksum: 0 },
    };
    const conf = confOf(plan.voters);
    this.oracle = new Oracle(this.#genesis, conf);
    this.resources = new Resources(plan.config);
    this.#model = new ModelCheck(this.oracle.committed);
    this.network = new RaftNetwork({
      plan: plan.network,
      freezes: plan.freezes,
      random: this.#random.fork('network'),
      coverage: this.coverage,
      deliver: (m, delayUs) => this.#push(EventKind.Deliver, delayUs, m.to, 0, m, null),
    });
    this.#operations = new Operations(this, this.#random.fork('operations'));
    for (let i = 0; i < plan.voters; i++) this.#born(conf, this.#genesis).start({ isNew: true });
    for (const action of plan.actions) this.#push(EventKind.Begin, action.atUs, 0, 0, null, action);
    this.#push(EventKind.Operation, this.#operations.pauseUs(), 0, 0, null, null);
  }

  process(id: ReplicaId): RaftProcess | undefined {
    return this.processes[id - 1];
  }

  get running(): readonly RaftProcess[] {
    return this.processes.filter((process) => process.node !== null);
  }

  /** Whoever leads in the newest term, or null. */
  get leader(): RaftProcess | null {
    let leader: RaftProcess | null = null;
    for (const process of this.processes) {
      if (process.isLeader && process.term > (leader?.term ?? 0)) leader = process;
    }
    return leader;
  }

  /** A process without a log, to become a member; null when there were enough. */
  newcomer(): RaftProcess | null {
    const isFree = (p: RaftProcess): boolean =>
      !p.isDestroyed && !p.wasMember && p.disk.log.last === 0;
    const spare = this.processes.find(isFree);
    if (spare !== undefined || this.processes.length >= MAX_IDS) return spare ?? null;
    const process = this.#born({ ...confOf(0) }, null);
    process.start({ isNew: true });
    return process;
  }

  runUntil(untilUs: number): void {
    for (;;) {
      const event = this.#queue.pop();
      if (event === undefined) throw new Violation('time-goes-on', 'nothing will ever happen');
      if (event.atUs > untilUs) {
        this.#queue.push(event);
        this.nowUs = untilUs;
        return;
      }
      this.#run(event);
    }
  }

  schedule(kind: EventKind, process: RaftProcess, delayUs: number): void {
    this.#push(kind, delayUs, process.id, process.lifeNumber, null, null);
  }

  later(action: Action, delayUs: number): void {
    this.#push(EventKind.End, delayUs, 0, 0, null, action);
  }

  restart(process: RaftProcess, delayUs: number): void {
    this.#push(EventKind.Restart, delayUs, process.id, process.lifeNumber, null, null);
  }

  send(m: Message): void {
    this.network.send(m, this.nowUs);
  }

  /** No more requests. */
  stopOperations(): void {
    this.#areClientsGone = true;
  }

  /** What came meanwhile happens now, in order. */
  resume(process: RaftProcess): void {
    process.isPaused = false;
    for (const event of process.stash.splice(0)) {
      event.atUs = this.nowUs;
      this.#queue.push(event);
    }
  }

  elected(leader: RaftProcess): void {
    this.trace.note(this.nowUs, 'elected', leader.id, leader.term);
    for (const { model, node } of this.processes) {
      const until = Math.min(model.last, leader.model.last);
      if (node === null || model.termAt(until) === leader.model.termAt(until)) continue;
      this.coverage.hit('elected-with-conflict');
      break;
    }
    this.checkModel();
  }

  confChanged(where: RaftProcess, before: ConfState, conf: ConfState, isEmpty: boolean): void {
    const { coverage } = this;
    this.trace.note(this.nowUs, 'conf', where.id, conf.voters.length, JSON.stringify(conf));
    coverage.hit('conf-changed');
    for (const process of this.processes) process.wasMember ||= isMemberOf(conf, process.id);
    if (this.network.rules.size > 0) coverage.hit('conf-while-partitioned');
    if (isJoint(conf)) coverage.hit('joint-entered');
    else if (isJoint(before)) {
      coverage.hit(before.autoLeave && isEmpty ? 'joint-left-by-itself' : 'joint-left-on-demand');
    }
    const voted = new Set([...before.voters, ...before.votersOutgoing]);
    const votes = new Set([...conf.voters, ...conf.votersOutgoing]);
    if (conf.learners.some((id) => !isMemberOf(before, id))) coverage.hit('learner-added');
    if (before.learners.some((id) => votes.has(id))) coverage.hit('learner-promoted');
    for (const id of voted) {
      if (votes.has(id)) continue;
      coverage.hit(conf.learners.includes(id) ? 'voter-demoted' : 'voter-removed');
      if (this.leader?.id === id) coverage.hit('leader-removed-itself');
    }
  }

  removed(process: RaftProcess): void {
    // It disturbs the others for a while, then its host takes it away.
    const draws = [process.id, 0, 0, 0] as const;
    const durationUs = 500_000;
    this.later({ atUs: this.nowUs, kind: 'remove', durationUs, draws }, durationUs);
  }

  /** The invariants of the model over all replicas at this moment, and what each keeps for others. */
  checkModel(): void {
    if (!this.#model.check(this.processes)) return;
    for (const { node, model, settled, isHolding } of this.processes) {
      if (node !== null && !isHolding) this.resources.check(node, model, settled);
    }
  }

  #born(conf: ConfState, genesis: Entry | null): RaftProcess {
    const id = this.processes.length + 1;
    const drift = 1 + this.plan.drift * (this.#random.fork(`drift-${id}`).next() * 2 - 1);
    const process = new RaftProcess(id, conf, {
      world: this,
      genesis,
      drift,
      random: this.#random,
    });
    this.processes.push(process);
    this.holders.push(process.disk);
    return process;
  }

  #push(
    kind: EventKind,
    delayUs: number,
    id: number,
    life: number,
    message: Message | null,
    action: Action | null,
  ): void {
    this.#queue.push({ atUs: this.nowUs + delayUs, seq: 0, kind, id, life, message, action });
  }

  #run(event: SimEvent): void {
    this.nowUs = event.atUs;
    this.events++;
    switch (event.kind) {
      case EventKind.Deliver:
        this.#deliver(event);
        break;
      case EventKind.Operation:
        if (this.#areClientsGone) break;
        this.#operations.next();
        this.#push(EventKind.Operation, this.#operations.pauseUs(), 0, 0, null, null);
        break;
      case EventKind.Begin:
        if (event.action !== null && !this.isHealing) begin(this, event.action);
        break;
      case EventKind.End:
        if (event.action !== null) end(this, event.action);
        break;
      case EventKind.Restart:
        this.#restart(event);
        break;
      default:
        this.#handle(event);
    }
    if (--this.#untilCheck > 0) return;
    this.#untilCheck = this.plan.fullCheckEvery;
    this.checkModel();
  }

  #handle(event: SimEvent): void {
    const process = this.process(event.id);
    if (process === undefined || process.lifeNumber !== event.life) return;
    if (process.isPaused) {
      process.stash.push(event);
      return;
    }
    this.trace.note(this.nowUs, WORDS[event.kind] ?? 'event', event.id, event.kind);
    process.handle(event);
    const { compactEvery } = this.plan;
    if (compactEvery > 0 && process.applied - process.disk.frontier >= compactEvery) {
      process.compact(process.random.next());
    }
  }

  #restart({ id, life }: SimEvent): void {
    const process = this.process(id);
    if (process === undefined || process.lifeNumber !== life || process.node !== null) return;
    if (process.isDestroyed) return;
    this.trace.note(this.nowUs, 'restart', id, 0);
    process.start({ isNew: false });
  }

  #deliver(event: SimEvent): void {
    const m = event.message;
    const target = this.process(event.id);
    if (m === null || target === undefined) return;
    // What waited for a process to go on has arrived already.
    if (event.life === 0) this.network.arrived(m);
    if (!target.isPaused) deliver(this, m, target);
    else if (target.stash.length < MAX_STASH) target.stash.push({ ...event, life: 1 });
  }
}

const WORDS: Readonly<Record<number, string>> = {
  [EventKind.Tick]: 'tick',
  [EventKind.Disk]: 'disk',
  [EventKind.HardState]: 'hard-state',
  [EventKind.Turn]: 'turn',
  [EventKind.Apply]: 'apply',
};
