import type { SimRandom } from '@dougdb/ports/sim';
import {
  type ConfState,
  decodeConfChange,
  type Entry,
  EntryType,
  isJoint,
  type LogIndex,
  type Message,
  MessageType,
  type RaftLogger,
  type RawNode,
  type Ready,
  type ReplicaId,
  StateType,
} from '@dougdb/raft-core';
import { type ReplicaView, Violation } from '@dougdb/raft-core/testing';
import { stateAfter } from './committed-log.js';
import { coreEvents } from './core-events.js';
import { EventKind, type SimEvent } from './event-queue.js';
import { LeaseReads } from './lease-reads.js';
import type { LogMirror } from './log-mirror.js';
import { isMemberOf } from './members.js';
import { bytesOf, type Life, newLife } from './outcomes.js';
import { checkOrder, checkPromise } from './promises.js';
import { RaftDisk } from './raft-disk.js';
import { replicaConfig } from './replica-config.js';
import type { World } from './world.js';

/** Readys in one turn; more mean that a replica never comes to rest. */
const MAX_READYS = 100_000;

/** One simulated process: a replica, its disk, and a state machine that may lag behind. */
export class RaftProcess {
  readonly id: ReplicaId;
  readonly disk: RaftDisk;
  node: RawNode | null = null;
  /** Counts starts and crashes: events of an earlier life are void. */
  lifeNumber = 0;
  life: Life = newLife();
  /** The log as this process believes it to be: durable or not. */
  model: LogMirror;
  applied: LogIndex = 0;
  /** As of the last event. */
  role: StateType = StateType.StateFollower;
  term = 0;
  commit: LogIndex = 0;
  conf: ConfState;
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
  readonly #coreRandom: () => number;
  readonly #logger: RaftLogger;
  /** The commit index that belongs to the model. */
  #viewCommit: LogIndex = 0;
  #seenCommit: LogIndex = 0;
  #stateHash = 0;
  #toApply: Entry[] = [];
  /** A Ready whose hard state is not durable yet, and the commit index that belongs to it. */
  #held: Ready | null = null;
  #heldCommit: LogIndex = 0;
  #hasTurn = false;
  #hasApply = false;
  #isInstalling = false;
  /** The core has no snapshot for somebody: one is made of what is applied. */
  #needsSnapshot = false;
  readonly #leaseReads: LeaseReads;

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
    this.#leaseReads = new LeaseReads(this, env.world);
    this.random = env.random.fork(`process-${id}`);
    const core = env.random.fork(`core-${id}`);
    this.#coreRandom = () => core.next();
    this.#logger = coreEvents(coverage, () => {
      this.#needsSnapshot = true;
    });
  }

  /** Whether it lacks something that it once had. */
  get isImpaired(): boolean {
    return this.wantsSnapshot || this.disk.isFaulty;
  }

  get isLeader(): boolean {
    return this.node !== null && this.role === StateType.StateLeader;
  }

  /** Monotonic milliseconds by its own clock. */
  get nowMs(): number {
    return 1000 * this.id + (this.#world.nowUs * this.drift) / 1000;
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
    this.applied = disk.frontier;
    this.#stateHash = this.#world.oracle.committed.hashAt(disk.frontier);
    this.#toApply = [];
    this.#held = null;
    this.#hasTurn = false;
    this.#hasApply = false;
    this.#isInstalling = false;
    this.#leaseReads.forget();
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
    this.#seenCommit = disk.frontier;
    this.#viewCommit = Math.min(status.commit, this.model.last);
    this.#world.schedule(EventKind.Tick, this, this.#tickUs());
    this.#after();
  }

  /** Power fails; the seed decides what of the unsynced survives, unless it is said. */
  crash(how?: { readonly share: number; readonly flushes: boolean }): void {
    if (this.node === null) return;
    const { disk, random } = this;
    const { coverage } = this.#world;
    coverage.hit('crash');
    if (this.#held !== null) {
      coverage.hit('crash-before-hard-state');
      const { hardState } = this.#held;
      if (hardState !== null && random.chance(0.5)) disk.writeHardState(hardState);
    }
    disk.crash(how?.share ?? random.pick([0, 0.1, 0.5, 0.999]));
    // The state machine is flushed now and then; what it holds durably is whole up to some index.
    if (this.applied > disk.frontier && (how?.flushes ?? random.chance(0.5))) {
      const frontier = disk.frontier + random.int(this.applied - disk.frontier + 1);
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

  #end(): void {
    this.node = null;
    this.lifeNumber++;
    this.life = newLife();
    this.isPaused = false;
    this.stash.length = 0;
    this.role = StateType.StateFollower;
  }

  handle(event: SimEvent): void {
    const { node } = this;
    if (node === null) return;
    switch (event.kind) {
      case EventKind.Tick:
        node.tick(this.nowMs);
        this.#world.schedule(EventKind.Tick, this, this.#tickUs());
        break;
      case EventKind.Disk:
        this.#completeAppends(node);
        break;
      case EventKind.HardState:
        this.#carryOutHeld();
        break;
      case EventKind.Turn:
        this.#hasTurn = false;
        this.#turn(node);
        break;
      case EventKind.Apply:
        this.#hasApply = false;
        this.#apply(node);
        break;
      default:
        throw new Error(`no event of a process: ${event.kind}`);
    }
    this.#after();
  }

  /** Ticks that were missed while the process was paused. */
  catchUp(ticks: number): void {
    for (let i = 0; i < ticks; i++) this.node?.tick(this.nowMs);
    this.#after();
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
    this.#after();
    return status;
  }

  /** Something is asked of the replica by its host. */
  ask<T>(what: (node: RawNode) => T): T | null {
    if (this.node === null || this.isPaused) return null;
    const answer = what(this.node);
    this.#after();
    return answer;
  }

  propose(count: number, sizeBytes: number): void {
    const { outcomes } = this.#world.oracle;
    const values = Array.from({ length: count }, () => outcomes.nextValue());
    const data = values.map((value) => ({ data: bytesOf(value, sizeBytes), checksum: value }));
    this.ask((node) => {
      const made = node.propose(data);
      if (!('dropped' in made)) {
        for (const [i, value] of values.entries()) {
          outcomes.proposed(this.life, value, made.first + i, made.term);
        }
      } else if (made.dropped === 'uncommitted-limit') {
        this.#world.coverage.hit('proposal-over-limit');
      }
    });
  }

  read(): void {
    const { outcomes } = this.#world.oracle;
    this.ask((node) => {
      const ticket = node.readIndex();
      if (typeof ticket === 'number') outcomes.readAsked(this.life, ticket, this.term);
    });
  }

  /** A read under the lease. */
  leaseRead(): void {
    this.ask((node) => this.#leaseReads.begin(node));
  }

  /** The state machine is made durable and the log is cut; `share` of what could go goes. */
  compact(share: number): void {
    const { disk } = this;
    if (this.node === null || this.#isInstalling || this.applied < disk.frontier) return;
    const first = disk.storage.firstIndex() - 1;
    const to = first + Math.floor(share * (this.applied - first + 1));
    disk.flush(this.applied, this.#world.oracle.confAt(this.applied), Math.min(to, this.applied));
    this.model.compact(disk.log.base);
    this.#world.coverage.hit('compacted');
  }

  get view(): ReplicaView | null {
    if (this.node === null || this.#held !== null || this.disk.isTailLost) return null;
    const { id, term, role, conf, model: log } = this;
    return { id, term, role, commit: this.#viewCommit, conf, log, disk: this.disk.log };
  }

  #tickUs(): number {
    const { tickUs, times } = this.#world.plan;
    const late = times.tickLateUs === 0 ? 0 : this.random.int(times.tickLateUs);
    return Math.floor(tickUs / this.drift) + late;
  }

  /** After each event: what became of the replica is looked at, and its wishes are carried out. */
  #after(): void {
    const { node } = this;
    if (node === null) return;
    this.#observe(node);
    if (this.#needsSnapshot && !this.#isInstalling && this.applied > 0) {
      this.#needsSnapshot = false;
      this.disk.storage.setSnapshot(this.applied, this.#world.oracle.confAt(this.applied));
    }
    if (this.#held !== null || !node.hasReady()) return;
    const { turnUs } = this.#world.plan.times;
    if (turnUs === 0) {
      this.#turn(node);
    } else if (!this.#hasTurn) {
      this.#hasTurn = true;
      this.#world.schedule(EventKind.Turn, this, this.random.int(turnUs));
    }
  }

  #turn(node: RawNode): void {
    for (let i = 0; this.#held === null && node.hasReady(); i++) {
      if (i > MAX_READYS) throw new Violation('comes-to-rest', `${this.id} has always a Ready`);
      const ready = node.ready();
      const { hardStateUs } = this.#world.plan.times;
      if (ready.hardState !== null && hardStateUs > 0) {
        this.#held = ready;
        this.#heldCommit = node.commitIndex;
        this.#world.schedule(EventKind.HardState, this, this.#diskUs(hardStateUs));
        return;
      }
      this.#carryOut(node, ready, node.commitIndex);
    }
  }

  #carryOutHeld(): void {
    const { node } = this;
    const ready = this.#held;
    if (ready === null || node === null) return;
    const waitUs = this.disk.stalledUntilUs - this.#world.nowUs;
    if (waitUs > 0) {
      this.#world.schedule(EventKind.HardState, this, waitUs);
      return;
    }
    this.#held = null;
    this.#carryOut(node, ready, this.#heldCommit);
  }

  /** The contract of Ready, step by step. */
  #carryOut(node: RawNode, ready: Ready, commit: LogIndex): void {
    const { oracle, coverage, trace, nowUs } = this.#world;
    trace.note(nowUs, 'ready', this.id, 0, ready);
    if (ready.hardState !== null) this.disk.writeHardState(ready.hardState);
    this.#append(ready);
    this.#viewCommit = Math.min(commit, this.model.last);
    this.#observe(node);
    this.#checkCommit(commit);
    for (const m of ready.messages) {
      checkPromise(m, this.disk, oracle);
      this.#world.send(m);
    }
    for (const entry of ready.committed) this.#handOut(entry);
    for (const { ticket, index } of ready.reads) {
      coverage.hit('read');
      if (oracle.outcomes.readDone(this.life, ticket, index, this.term)) {
        coverage.hit('read-after-leader-change');
      }
    }
    for (const drop of ready.drops) {
      coverage.hit(drop.kind === 'read' ? 'read-dropped' : 'proposal-dropped');
      oracle.outcomes.dropped(this.life, drop);
    }
    if (this.#toApply.length === 0) return;
    const { applyUs } = this.#world.plan.times;
    if (applyUs === 0) {
      this.#apply(node);
    } else if (!this.#hasApply) {
      this.#hasApply = true;
      this.#world.schedule(EventKind.Apply, this, this.random.int(applyUs));
    }
  }

  #handOut(entry: Entry): void {
    const { oracle } = this.#world;
    const next = this.applied + this.#toApply.length + 1;
    if (entry.index !== next) {
      throw new Violation('applied-in-order', `${this.id} is handed ${entry.index}, not ${next}`);
    }
    if (this.disk.log.termAt(entry.index) !== entry.term) {
      throw new Violation('apply-durable', `${this.id} is handed ${entry.index}, not durable here`);
    }
    oracle.outcomes.handedOut(this.life, entry);
    this.#toApply.push(entry);
  }

  #append({ append, repairs }: Ready): void {
    if (append === null) return;
    const { oracle, coverage } = this.#world;
    const { snapshot, truncateFrom, entries } = append;
    if (snapshot !== null) {
      if (this.applied > 1) coverage.hit('snapshot-over-existing-state');
      this.#isInstalling = true;
      this.#toApply = [];
      this.model.install(snapshot.index, snapshot.term);
    }
    if (truncateFrom !== undefined) this.model.truncateFrom(truncateFrom);
    if (entries.length > 0) {
      this.#leaderAppendsOnly(entries[0]?.index ?? 0);
      this.model.replace(entries);
      oracle.appended(this.id, this.model, entries);
    }
    for (let i = 0; i < repairs.length; i++) coverage.hit('entry-repaired');
    if (append.commit > this.model.last) {
      throw new Violation('hint-in-log', `${this.id}: ${append.commit} of ${this.model.last}`);
    }
    this.disk.submit({ append, repairs });
    this.#writeNext();
  }

  /** Until it steps down a leader only adds to its log; another term's entries come after that. */
  #leaderAppendsOnly(first: LogIndex): void {
    if (!this.isLeader || first > this.model.last) return;
    if (this.model.termAt(this.model.last) < this.term) return;
    throw new Violation('leader-append-only', `${this.id} writes again from ${first}`);
  }

  #writeNext(): void {
    const { disk } = this;
    if (!disk.isIdle || !disk.hasQueue) return;
    disk.begin();
    this.#world.schedule(EventKind.Disk, this, this.#diskUs(this.#world.plan.times.appendUs));
  }

  #diskUs(meanUs: number): number {
    const takesUs = Math.floor(meanUs * this.disk.slowness * (0.5 + this.random.next()));
    return Math.max(takesUs, this.disk.stalledUntilUs - this.#world.nowUs);
  }

  #completeAppends(node: RawNode): void {
    const waitUs = this.disk.stalledUntilUs - this.#world.nowUs;
    if (waitUs > 0) {
      this.#world.schedule(EventKind.Disk, this, waitUs);
      return;
    }
    for (const { append } of this.disk.complete()) {
      if (append.snapshot !== null) this.#installed(append.snapshot.index);
      node.appended(append.ticket);
      this.#observe(node);
    }
    this.#writeNext();
  }

  #installed(index: LogIndex): void {
    this.applied = index;
    this.#stateHash = this.#world.oracle.committed.hashAt(index);
    this.#isInstalling = false;
    this.wantsSnapshot = false;
    this.model.compact(this.disk.log.base);
  }

  #apply(node: RawNode): void {
    const { oracle, plan } = this.#world;
    const most = plan.times.applyUs === 0 ? this.#toApply.length : 1 + this.random.int(64);
    const entries = this.#toApply.splice(0, most);
    for (const entry of entries) {
      if (entry.type !== EntryType.EntryNormal) this.#applyConf(node, entry);
      this.applied = entry.index;
      this.#stateHash = stateAfter(this.#stateHash, entry);
      oracle.applied(this.id, entry.index, this.#stateHash);
    }
    if (entries.length > 0) node.applied(this.applied);
    this.#leaseReads.answer(node);
    if (this.#toApply.length > 0 && !this.#hasApply) {
      this.#hasApply = true;
      this.#world.schedule(EventKind.Apply, this, this.random.int(plan.times.applyUs + 1));
    }
  }

  #applyConf(node: RawNode, entry: Entry): void {
    const before = this.conf;
    const { confState: conf } = node.applyConfChange(decodeConfChange(entry.data));
    this.conf = conf;
    if (this.#world.oracle.configured(entry.index, conf)) {
      this.#world.confChanged(this, before, conf, entry.data.length === 0);
    }
    if (!isMemberOf(conf, this.id) && !isJoint(conf)) this.#world.removed(this);
  }

  /** Term and commit index only go forward, a leader is alone, and what is committed is safe. */
  #observe(node: RawNode): void {
    const status = node.status();
    const { oracle, coverage } = this.#world;
    checkOrder(this, status);
    this.term = status.term;
    this.conf = status.confState;
    this.commit = status.commit;
    if (status.role !== this.role) {
      this.role = status.role;
      if (status.role === StateType.StateLeader && oracle.leads(this.id, status.term, this.model)) {
        coverage.hit('elected');
        if (this.isCalled) coverage.hit('transfer-won');
        this.#world.elected(this);
      }
      if (status.role !== StateType.StateCandidate) this.isCalled = false;
    }
    // Who leads has handed out all of its log; what others have not yet handed out is not in the model.
    if (status.role === StateType.StateLeader) this.#checkCommit(status.commit);
    if (this.disk.isTailLost && !status.isRecovering) this.disk.whole();
  }

  #checkCommit(commit: LogIndex): void {
    if (commit <= this.#seenCommit || commit > this.model.last) return;
    const { oracle, coverage, holders } = this.#world;
    const known = { from: this.#seenCommit, commit, term: this.term };
    const { model: log, conf } = this;
    this.#seenCommit = commit;
    coverage.counts.committed += oracle.commits(this.id, known, { log, conf, holders });
  }
}
