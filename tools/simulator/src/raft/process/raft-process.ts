import type { SimRandom } from '@dougdb/ports/sim';
import {
  type ConfState,
  type Entry,
  type LogIndex,
  type Message,
  MessageType,
  type RaftLogger,
  type RawNode,
  type ReplicaId,
  StateType,
} from '@dougdb/raft-core';
import { Violation } from '@dougdb/raft-core/testing';
import { EventKind, type SimEvent } from '../event-queue.js';
import type { LogMirror } from '../oracle/log-mirror.js';
import type { Watched } from '../oracle/model-check.js';
import { type Life, newLife } from '../oracle/outcomes.js';
import type { World } from '../world.js';
import { coreEvents } from './core-events.js';
import { RaftDisk } from './raft-disk.js';
import { ReadyLoop } from './ready-loop.js';
import { replicaConfig } from './replica-config.js';
import { Requests } from './requests.js';
import { StateMachine } from './state-machine.js';
import { Watch } from './watch.js';

/** One simulated process: a replica and its host, in one life after the other, on one disk. */
export class RaftProcess {
  readonly id: ReplicaId;
  readonly disk: RaftDisk;
  readonly machine: StateMachine;
  readonly requests: Requests;
  readonly watch: Watch;
  node: RawNode | null = null;
  /** Counts starts and crashes: events of an earlier life are void. */
  lifeNumber = 0;
  life: Life = newLife();
  /** The log as this process believes it to be: durable or not. */
  model: LogMirror;
  /** As of the last event. */
  role: StateType = StateType.StateFollower;
  term = 0;
  commit: LogIndex = 0;
  conf: ConfState;
  /** Ticks of this life. */
  ticks = 0;
  isPaused = false;
  /** What comes while the process is paused. */
  readonly stash: SimEvent[] = [];
  /** Its clock runs so much too fast. */
  readonly drift: number;
  isDestroyed = false;
  /** Its id stood in a configuration some time: it is used up. */
  wasMember = false;
  /** It follows the order of a leader to campaign. */
  isCalled = false;
  /** Its state machine is damaged. */
  wantsSnapshot = false;
  readonly random: SimRandom;
  readonly #world: World;
  readonly #loop: ReadyLoop;
  readonly #coreRandom: () => number;
  readonly #logger: RaftLogger;

  constructor(
    id: ReplicaId,
    conf: ConfState,
    env: { world: World; genesis: Entry | null; drift: number; random: SimRandom },
  ) {
    this.id = id;
    this.conf = conf;
    this.drift = env.drift;
    this.#world = env.world;
    const { oracle, coverage } = env.world;
    this.disk = new RaftDisk(id, conf, { genesis: env.genesis, oracle, coverage });
    this.model = this.disk.log.copy();
    this.machine = new StateMachine(this, env.world);
    this.requests = new Requests(this, env.world);
    this.watch = new Watch(this, env.world);
    this.#loop = new ReadyLoop(this, env.world);
    this.random = env.random.fork(`process-${id}`);
    const core = env.random.fork(`core-${id}`);
    this.#coreRandom = () => core.next();
    this.#logger = coreEvents(coverage, () => this.#loop.wantSnapshot());
  }

  /** Whether it lacks something that it once had. */
  get isImpaired(): boolean {
    return this.wantsSnapshot || this.disk.isFaulty;
  }

  get isLeader(): boolean {
    return this.node !== null && this.role === StateType.StateLeader;
  }

  get applied(): LogIndex {
    return this.machine.applied;
  }

  /** Up to here what was handed out is known to be committed. */
  get settled(): LogIndex {
    return this.#loop.settled;
  }

  /** What was handed out last waits for a hard state: the core is ahead of the mirror. */
  get isHolding(): boolean {
    return this.#loop.held !== null;
  }

  /** Monotonic milliseconds by its own clock. */
  get nowMs(): number {
    return 1000 * this.id + (this.#world.nowUs * this.drift) / 1000;
  }

  /** Ticks since the oldest append was given to the disk that is not complete; 0: all are. */
  get ticketAge(): number {
    const { oldestSince } = this.disk;
    return oldestSince === null ? 0 : this.ticks - oldestSince;
  }

  /** For the invariants of the model; null where there is nothing to compare. */
  get view(): Watched['view'] {
    if (this.node === null || this.isHolding || this.disk.isTailLost) return null;
    const { id, term, role, conf, model: log, disk, settled: commit } = this;
    return { id, term, role, commit, conf, log, disk: disk.log };
  }

  /**
   * @param isNew - made just now by genesis: it has no earlier life
   * @param forgets - the commit hint is not read: what must never be
   */
  start({ isNew, forgets = false }: { readonly isNew: boolean; readonly forgets?: boolean }): void {
    const { disk } = this;
    this.lifeNumber++;
    this.life = newLife();
    this.model = disk.log.copy();
    this.ticks = 0;
    this.machine.begin();
    this.requests.begin();
    this.isCalled = false;
    this.wantsSnapshot = false;
    this.conf = disk.conf;
    disk.storage.setConfState(disk.conf);
    const { hardState } = disk.storage.initialState();
    this.node = new this.#world.core.RawNode({
      ...replicaConfig(this.#world.plan, disk, { isNew, forgets }),
      random: this.#coreRandom,
      logger: this.#logger,
    });
    const status = this.node.status();
    const isBehind = status.commit < hardState.commit && !disk.isTailLost && !forgets;
    if (status.term !== hardState.term || isBehind) {
      throw new Violation('hard-state-kept', `${this.id} starts in ${status.term}`);
    }
    this.term = status.term;
    this.role = status.role;
    this.commit = status.commit;
    this.#loop.begin(status.commit);
    this.watch.begin(status, { isNew });
    this.#world.schedule(EventKind.Tick, this, this.#tickUs());
    this.#after(this.node);
  }

  /** Power fails; the seed decides what of the unsynced survives, unless it is said. */
  crash(how?: { readonly share: number; readonly flushes: boolean }): void {
    if (this.node === null) return;
    const { disk, random, applied } = this;
    const { coverage } = this.#world;
    coverage.hit('crash');
    const { held } = this.#loop;
    if (held !== null) {
      coverage.hit('crash-before-hard-state');
      if (held.hardState !== null && random.chance(0.5)) disk.writeHardState(held.hardState);
    }
    disk.crash(how?.share ?? random.pick([0, 0.1, 0.5, 0.999]));
    // The state machine is flushed now and then; what it holds durably is whole up to some index.
    const flushes = how?.flushes ?? random.chance(0.5);
    if (flushes && applied > disk.frontier && !this.wantsSnapshot) {
      const frontier = disk.frontier + random.int(applied - disk.frontier + 1);
      disk.frontier = frontier;
      disk.conf = this.#world.oracle.confAt(frontier);
    }
    this.#end();
  }

  /** This replica is not part of the group any more: all that is left of it goes. */
  destroy(): void {
    if (this.node !== null) this.#end();
    this.isDestroyed = true;
    this.#world.coverage.hit('replica-destroyed');
  }

  handle(event: SimEvent): void {
    const { node } = this;
    if (node === null) return;
    switch (event.kind) {
      case EventKind.Tick:
        this.#tick(node);
        this.#world.schedule(EventKind.Tick, this, this.#tickUs());
        break;
      case EventKind.Disk:
        this.#loop.appendsDue(node);
        break;
      case EventKind.HardState:
        this.#loop.hardStateDue(node);
        break;
      case EventKind.Turn:
        this.#loop.turnDue(node);
        break;
      case EventKind.Apply:
        this.machine.applyDue(node);
        break;
      default:
        throw new Error(`no event of a process: ${event.kind}`);
    }
    this.#after(node);
  }

  /** Ticks that were missed while the process was paused. */
  catchUp(ticks: number): void {
    const { node } = this;
    if (node === null) return;
    for (let i = 0; i < ticks; i++) {
      this.#tick(node);
      this.watch.observe(node);
    }
    this.#after(node);
  }

  receive(m: Message): string {
    const { node } = this;
    if (node === null) return 'down';
    if (m.type === MessageType.MsgTimeoutNow) this.isCalled = true;
    const status = node.step(m);
    // Replicas that were removed, or do not know yet that others were added, are not heard.
    if (status !== 'ok' && status !== 'stale' && status !== 'unknown-peer') {
      throw new Violation('honest-messages-are-valid', `${this.id} says ${status}`);
    }
    this.watch.received(m, status, node);
    if (status === 'ok' && m.type === MessageType.MsgAppResp && m.repairIndex !== 0) {
      const sender = this.#world.holders.find(({ id }) => id === m.from);
      sender?.lossHeard(m.readToken, m.term);
    }
    this.#after(node);
    return status;
  }

  /** Something is asked of the replica by its host. */
  ask<T>(what: (node: RawNode) => T): T | null {
    const { node } = this;
    if (node === null || this.isPaused) return null;
    const answer = what(node);
    this.#after(node);
    return answer;
  }

  /** A snapshot took the place of the state machine, and of the log if that did not reach it. */
  installed(index: LogIndex): void {
    this.machine.replaced(index);
    this.wantsSnapshot = false;
    this.model.compact(this.disk.log.base);
  }

  /** The state machine is made durable and the log is cut; `share` of what could go goes. */
  compact(share: number): void {
    const { disk, machine, applied, node } = this;
    // What is damaged is not made durable.
    if (node === null || machine.isInstalling || this.wantsSnapshot) return;
    if (applied < disk.frontier) return;
    const first = disk.storage.firstIndex() - 1;
    const to = first + Math.floor(share * (applied - first + 1));
    disk.flush(applied, this.#world.oracle.confAt(applied), Math.min(to, applied));
    this.model.compact(disk.log.base);
    node.flushed(applied);
    this.#world.coverage.hit('compacted');
  }

  #end(): void {
    this.node = null;
    this.lifeNumber++;
    this.life = newLife();
    this.isPaused = false;
    this.stash.length = 0;
    this.role = StateType.StateFollower;
  }

  #tick(node: RawNode): void {
    this.ticks++;
    node.tick(this.nowMs);
    this.watch.ticked();
    if (this.disk.isFaulty) this.#makeUpForDamage(node);
  }

  /** A damaged entry that is applied goes when the state machine is durable: nobody may have it any more. */
  #makeUpForDamage(node: RawNode): void {
    const [first] = node.status().damaged;
    if (first !== undefined && first <= this.applied) this.compact(1);
  }

  #tickUs(): number {
    const { tickUs, times } = this.#world.plan;
    const late = times.tickLateUs === 0 ? 0 : this.random.int(times.tickLateUs);
    return Math.floor(tickUs / this.drift) + late;
  }

  /** After each event: what became of the replica is looked at, and its wishes are carried out. */
  #after(node: RawNode): void {
    this.watch.observe(node);
    this.#loop.attend(node);
  }
}
