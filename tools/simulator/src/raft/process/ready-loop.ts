import {
  type LogIndex,
  type Message,
  MessageType,
  type RawNode,
  type Ready,
} from '@dougdb/raft-core';
import { Violation } from '@dougdb/raft-core/testing';
import { EventKind } from '../event-queue.js';
import { checkPromise } from '../oracle/promises.js';
import type { World } from '../world.js';
import type { RaftProcess } from './raft-process.js';

/** Readys in one turn; more mean that a replica never comes to rest. */
const MAX_READYS = 100_000;

/** What a host does for its replica: the contract of Ready, step by step, with disks that take time. */
export class ReadyLoop {
  readonly #process: RaftProcess;
  readonly #world: World;
  /** A Ready whose hard state is not durable yet, and the commit index that belongs to it. */
  #held: Ready | null = null;
  #heldCommit: LogIndex = 0;
  #hasTurn = false;
  /** The commit index that belongs to the entries that were handed out. */
  #settled: LogIndex = 0;
  /** The core has no snapshot for somebody: one is made of what is applied. */
  #needsSnapshot = false;

  constructor(process: RaftProcess, world: World) {
    this.#process = process;
    this.#world = world;
  }

  /** The Ready whose hard state is being written. */
  get held(): Ready | null {
    return this.#held;
  }

  get settled(): LogIndex {
    return this.#settled;
  }

  /** A life begins. */
  begin(commit: LogIndex): void {
    this.#held = null;
    this.#hasTurn = false;
    this.#settled = Math.min(commit, this.#process.model.last);
  }

  wantSnapshot(): void {
    this.#needsSnapshot = true;
  }

  /** After each event: the replica's wishes are carried out, now or in a turn of its host. */
  attend(node: RawNode): void {
    const process = this.#process;
    const { applied, isInstalling } = process.machine;
    if (this.#needsSnapshot && !isInstalling && applied > 0) {
      this.#needsSnapshot = false;
      process.disk.storage.setSnapshot(applied, this.#world.oracle.confAt(applied));
    }
    if (this.#held !== null || !node.hasReady()) return;
    const { turnUs } = this.#world.plan.times;
    if (turnUs === 0) {
      this.#turn(node);
    } else if (!this.#hasTurn) {
      this.#hasTurn = true;
      this.#world.schedule(EventKind.Turn, process, process.random.int(turnUs));
    }
  }

  turnDue(node: RawNode): void {
    this.#hasTurn = false;
    this.#turn(node);
  }

  /** The hard state is on the disk, unless that is stalled. */
  hardStateDue(node: RawNode): void {
    const ready = this.#held;
    if (ready === null) return;
    const waitUs = this.#process.disk.stalledUntilUs - this.#world.nowUs;
    if (waitUs > 0) {
      this.#world.schedule(EventKind.HardState, this.#process, waitUs);
      return;
    }
    this.#held = null;
    this.#carryOut(node, ready, this.#heldCommit);
  }

  /** What was being written to the log is on the disk, unless that is stalled. */
  appendsDue(node: RawNode): void {
    const process = this.#process;
    const { disk } = process;
    const waitUs = disk.stalledUntilUs - this.#world.nowUs;
    if (waitUs > 0) {
      this.#world.schedule(EventKind.Disk, process, waitUs);
      return;
    }
    for (const { append } of disk.complete()) {
      if (append.snapshot !== null) process.installed(append.snapshot.index);
      node.appended(append.ticket);
      process.watch.completed(append.ticket);
      process.watch.observe(node);
    }
    this.#writeNext();
  }

  #turn(node: RawNode): void {
    for (let i = 0; this.#held === null && node.hasReady(); i++) {
      if (i > MAX_READYS) {
        throw new Violation('comes-to-rest', `${this.#process.id} has always a Ready`);
      }
      const ready = node.ready();
      this.#process.watch.readyBuilt(ready);
      const { hardStateUs } = this.#world.plan.times;
      if (ready.hardState !== null && hardStateUs > 0) {
        this.#held = ready;
        this.#heldCommit = node.commitIndex;
        this.#world.schedule(EventKind.HardState, this.#process, this.#diskUs(hardStateUs));
        return;
      }
      this.#carryOut(node, ready, node.commitIndex);
    }
  }

  #carryOut(node: RawNode, ready: Ready, commit: LogIndex): void {
    const process = this.#process;
    const { trace, nowUs } = this.#world;
    trace.note(nowUs, 'ready', process.id, 0, ready);
    if (ready.hardState !== null) process.disk.writeHardState(ready.hardState);
    this.#append(ready);
    this.#settled = Math.min(commit, process.model.last);
    process.watch.observe(node);
    process.watch.checkCommit(commit);
    for (const m of ready.messages) this.#send(m);
    process.machine.take(ready.committed, node);
    this.#answer(ready);
  }

  #send(m: Message): void {
    const { disk, watch } = this.#process;
    const { oracle, rules } = this.#world;
    if (rules === 'checked') checkPromise(m, disk, oracle);
    watch.sends(m);
    if (m.type === MessageType.MsgAppResp && m.repairIndex !== 0) disk.announced(m.readToken);
    this.#world.send(m);
  }

  /** Reads and drops have their outcome. */
  #answer({ reads, drops }: Ready): void {
    const { life, term } = this.#process;
    const { coverage, oracle } = this.#world;
    for (const { ticket, index } of reads) {
      coverage.hit('read');
      if (oracle.outcomes.readDone(life, ticket, index, term)) {
        coverage.hit('read-after-leader-change');
      }
    }
    for (const drop of drops) {
      coverage.hit(drop.kind === 'read' ? 'read-dropped' : 'proposal-dropped');
      oracle.outcomes.dropped(life, drop);
    }
  }

  #append({ append, repairs }: Ready): void {
    if (append === null) return;
    const process = this.#process;
    const { id, model, machine, disk } = process;
    const { oracle, coverage } = this.#world;
    const { snapshot, truncateFrom, entries } = append;
    if (snapshot !== null) {
      if (machine.applied > 1) coverage.hit('snapshot-over-existing-state');
      machine.replaceSoon();
      model.install(snapshot.index, snapshot.term);
    }
    if (truncateFrom !== undefined) model.truncateFrom(truncateFrom);
    if (entries.length > 0) {
      this.#leaderAppendsOnly(entries[0]?.index ?? 0);
      model.replace(entries);
      oracle.appended(id, model, entries);
    }
    for (let i = 0; i < repairs.length; i++) coverage.hit('entry-repaired');
    if (append.commit > model.last) {
      throw new Violation('hint-in-log', `${id}: ${append.commit} of ${model.last}`);
    }
    disk.submit({ append, repairs, sinceTick: process.ticks });
    this.#writeNext();
  }

  /** Until it steps down a leader only adds to its log; another term's entries come after that. */
  #leaderAppendsOnly(first: LogIndex): void {
    const { id, isLeader, model, term } = this.#process;
    if (!isLeader || first > model.last) return;
    if (model.termAt(model.last) < term) return;
    throw new Violation('leader-append-only', `${id} writes again from ${first}`);
  }

  #writeNext(): void {
    const { disk } = this.#process;
    if (!disk.isIdle || !disk.hasQueue) return;
    disk.begin();
    const takesUs = this.#diskUs(this.#world.plan.times.appendUs);
    this.#world.schedule(EventKind.Disk, this.#process, takesUs);
  }

  #diskUs(meanUs: number): number {
    const { disk, random } = this.#process;
    const takesUs = Math.floor(meanUs * disk.slowness * (0.5 + random.next()));
    return Math.max(takesUs, disk.stalledUntilUs - this.#world.nowUs);
  }
}
