import type { SimRandom } from '@dougdb/ports/sim';
import { type Message, MessageType, type ReplicaId } from '@dougdb/raft-core';
import type { Coverage } from './coverage.js';
import type { NetworkPlan } from './plan/plan.js';

/** Something that is wrong with the network for a while. */
export interface Rule {
  readonly kind: 'cut' | 'filter' | 'clog';
  /** What clogged links hold back arrives after this time. */
  readonly untilUs: number;
  applies(from: ReplicaId, to: ReplicaId, type: MessageType): boolean;
}

/** Ids are small: a link is a number. */
const LINKS = 64;

/** Messages between replicas: late, lost, twice, out of order, or not at all. */
export class RaftNetwork {
  readonly #plan: NetworkPlan;
  readonly #freezes: boolean;
  readonly #random: SimRandom;
  readonly #coverage: Coverage;
  readonly #deliver: (m: Message, delayUs: number) => void;
  readonly #inFlight = new Uint32Array(LINKS * LINKS);
  readonly rules = new Set<Rule>();
  /** Off while the group heals. */
  isFaulty = true;

  constructor(env: {
    plan: NetworkPlan;
    freezes: boolean;
    random: SimRandom;
    coverage: Coverage;
    deliver: (m: Message, delayUs: number) => void;
  }) {
    this.#plan = env.plan;
    this.#freezes = env.freezes;
    this.#random = env.random;
    this.#coverage = env.coverage;
    this.#deliver = env.deliver;
  }

  send(m: Message, nowUs: number): void {
    const plan = this.#plan;
    const random = this.#random;
    if (this.#freezes) {
      Object.freeze(m);
      Object.freeze(m.entries);
    }
    let delayUs = this.#delayUs(m);
    for (const rule of this.rules) {
      if (!rule.applies(m.from, m.to, m.type)) continue;
      if (rule.kind === 'clog') {
        this.#coverage.hit('messages-clogged');
        delayUs += Math.max(0, rule.untilUs - nowUs);
        continue;
      }
      this.#coverage.hit(rule.kind === 'cut' ? 'messages-cut' : 'messages-filtered');
      return;
    }
    if (this.isFaulty) {
      if (plan.loss > 0 && random.chance(plan.loss)) {
        this.#coverage.hit('messages-lost');
        return;
      }
      if (plan.duplicate > 0 && random.chance(plan.duplicate)) this.#sendAgain(m);
      if (plan.straggle > 0 && random.chance(plan.straggle)) delayUs += random.int(1_000_000);
    }
    this.#post(m, delayUs);
  }

  /** A message arrived, or would have. */
  arrived(m: Message): void {
    const link = m.from * LINKS + m.to;
    this.#inFlight[link] = (this.#inFlight[link] ?? 1) - 1;
  }

  isCut(from: ReplicaId, to: ReplicaId): boolean {
    for (const rule of this.rules) {
      if (rule.kind === 'cut' && rule.applies(from, to, MessageType.MsgSnap)) return true;
    }
    return false;
  }

  /** A snapshot's stream breaks on its way. */
  breaksSnapshot(): boolean {
    return this.isFaulty && this.#random.chance(this.#plan.snapshotBreaks);
  }

  chance(probability: number): boolean {
    return this.#random.chance(probability);
  }

  #sendAgain(m: Message): void {
    this.#coverage.hit('messages-duplicated');
    if (this.#plan.replay > 0 && this.#random.chance(this.#plan.replay)) {
      this.#coverage.hit('messages-replayed-late');
      this.#post(m, 1_000_000 + this.#random.int(10_000_000));
    } else {
      this.#post(m, this.#delayUs(m));
    }
  }

  #post(m: Message, delayUs: number): void {
    const link = m.from * LINKS + m.to;
    const count = this.#inFlight[link] ?? 0;
    if (count >= this.#plan.capacity) {
      this.#coverage.hit('link-full');
      return;
    }
    this.#inFlight[link] = count + 1;
    this.#deliver(m, delayUs);
  }

  #delayUs(m: Message): number {
    const { minUs, meanExtraUs, snapshotUs } = this.#plan;
    const stream = m.type === MessageType.MsgSnap ? snapshotUs : 0;
    return minUs + stream + Math.floor(-meanExtraUs * Math.log(1 - this.#random.next()));
  }
}
