import {
  decodeConfChange,
  type Entry,
  EntryType,
  entrySizeBytes,
  isJoint,
  type LogIndex,
  type RawNode,
} from '@dougdb/raft-core';
import { Violation } from '@dougdb/raft-core/testing';
import { EventKind } from '../event-queue.js';
import { isMemberOf } from '../members.js';
import { stateAfter } from '../oracle/committed-log.js';
import type { World } from '../world.js';
import type { RaftProcess } from './raft-process.js';

/** What a replica applies, at once or later, as a hash; durable up to the frontier of its disk. */
export class StateMachine {
  readonly #process: RaftProcess;
  readonly #world: World;
  #applied: LogIndex = 0;
  #hash = 0;
  #toApply: Entry[] = [];
  #toApplyBytes = 0;
  #hasEvent = false;
  #isInstalling = false;

  constructor(process: RaftProcess, world: World) {
    this.#process = process;
    this.#world = world;
  }

  get applied(): LogIndex {
    return this.#applied;
  }

  /** A snapshot is about to take its place. */
  get isInstalling(): boolean {
    return this.#isInstalling;
  }

  /** A life begins with what is durable. */
  begin(): void {
    const { frontier } = this.#process.disk;
    this.#applied = frontier;
    this.#hash = this.#world.oracle.committed.hashAt(frontier);
    this.#toApply = [];
    this.#toApplyBytes = 0;
    this.#hasEvent = false;
    this.#isInstalling = false;
  }

  /** Committed entries of a Ready, which are applied now or later. */
  take(committed: readonly Entry[], node: RawNode): void {
    for (const entry of committed) this.#handOut(entry);
    if (this.#toApply.length === 0) return;
    this.#world.resources.checkApplying(this.#process.id, this.#toApplyBytes);
    const { applyUs } = this.#world.plan.times;
    if (applyUs === 0) this.#apply(node);
    else this.#applyLater(applyUs);
  }

  /** The time has come. */
  applyDue(node: RawNode): void {
    this.#hasEvent = false;
    this.#apply(node);
  }

  /** A snapshot came: what was handed out before it is void. */
  replaceSoon(): void {
    this.#isInstalling = true;
    this.#toApply = [];
    this.#toApplyBytes = 0;
  }

  replaced(index: LogIndex): void {
    this.#applied = index;
    this.#hash = this.#world.oracle.committed.hashAt(index);
    this.#isInstalling = false;
  }

  #handOut(entry: Entry): void {
    const { id, disk, life } = this.#process;
    const next = this.#applied + this.#toApply.length + 1;
    if (entry.index !== next) {
      throw new Violation('applied-in-order', `${id} is handed ${entry.index}, not ${next}`);
    }
    if (disk.log.termAt(entry.index) !== entry.term) {
      throw new Violation('apply-durable', `${id} is handed ${entry.index}, not durable here`);
    }
    this.#world.oracle.outcomes.handedOut(life, entry);
    this.#toApply.push(entry);
    this.#toApplyBytes += entrySizeBytes(entry);
  }

  #applyLater(delayUs: number): void {
    if (this.#hasEvent) return;
    this.#hasEvent = true;
    const process = this.#process;
    this.#world.schedule(EventKind.Apply, process, process.random.int(delayUs));
  }

  #apply(node: RawNode): void {
    const { oracle, plan } = this.#world;
    const { id, random } = this.#process;
    const { applyUs } = plan.times;
    const most = applyUs === 0 ? this.#toApply.length : 1 + random.int(64);
    const entries = this.#toApply.splice(0, most);
    for (const entry of entries) {
      if (entry.type !== EntryType.EntryNormal) this.#applyConf(node, entry);
      this.#applied = entry.index;
      this.#toApplyBytes -= entrySizeBytes(entry);
      this.#hash = stateAfter(this.#hash, entry);
      oracle.applied(id, entry.index, this.#hash);
    }
    if (entries.length > 0) node.applied(this.#applied);
    this.#process.requests.answerLeaseReads(node);
    if (this.#toApply.length > 0) this.#applyLater(applyUs + 1);
  }

  #applyConf(node: RawNode, entry: Entry): void {
    const process = this.#process;
    const before = process.conf;
    const { confState: conf } = node.applyConfChange(decodeConfChange(entry.data));
    process.conf = conf;
    if (this.#world.oracle.configured(entry.index, conf)) {
      this.#world.confChanged(process, before, conf, entry.data.length === 0);
    }
    if (!isMemberOf(conf, process.id) && !isJoint(conf)) this.#world.removed(process);
  }
}
