import { type Message, type ReplicaId, StateType } from '../../src/index.js';
import { Host, type HostOptions } from './host.js';

const MAX_MESSAGES = 20_000;

/**
 * The replicas of one group: what they send arrives at once and in order, unless a test says otherwise,
 * and is durable and applied at once. It objects to two leaders of one term.
 */
export class Cluster {
  readonly #hosts = new Map<ReplicaId, Host>();
  readonly #leaders = new Map<number, ReplicaId>();
  #inFlight: Message[] = [];
  /** What does not pass is lost. */
  passes: (m: Message) => boolean = () => true;

  constructor(ids: readonly ReplicaId[], optionsOf: (id: ReplicaId) => HostOptions) {
    for (const id of ids) this.#hosts.set(id, new Host(id, optionsOf(id)));
  }

  host(id: ReplicaId): Host {
    const host = this.#hosts.get(id);
    if (host === undefined) throw new Error(`replica ${id} is down`);
    return host;
  }

  /** Another life, or another machine, in its place. */
  replace(id: ReplicaId, host: Host): void {
    this.#hosts.set(id, host);
  }

  /** It is never heard of again. */
  kill(id: ReplicaId): void {
    this.#hosts.delete(id);
  }

  /** Ids of those that lead, in whatever terms. */
  get leaders(): ReplicaId[] {
    const leads = ([, { node }]: [ReplicaId, Host]) => node.status().role === StateType.StateLeader;
    return [...this.#hosts].filter(leads).map(([id]) => id);
  }

  get terms(): number[] {
    return [...this.#hosts.values()].map(({ node }) => node.status().term);
  }

  /** Who led, by term. */
  get history(): ReadonlyMap<number, ReplicaId> {
    return this.#leaders;
  }

  /** Until nobody has anything to say. */
  settle(): void {
    for (let i = 0; i < MAX_MESSAGES; i++) {
      for (const host of this.#hosts.values()) this.#inFlight.push(...host.run());
      this.#checkLeaders();
      const m = this.#inFlight.shift();
      if (m === undefined) return;
      if (this.passes(m)) this.#hosts.get(m.to)?.node.step(m);
    }
    throw new Error('the group never comes to rest');
  }

  tick(count = 1): void {
    for (let i = 0; i < count; i++) {
      for (const host of this.#hosts.values()) host.node.tick();
      this.settle();
    }
  }

  /** Makes `id` campaign, and win if it can. */
  elect(id: ReplicaId): void {
    this.host(id).node.campaign();
    this.settle();
  }

  /** Ticks until somebody leads; the number of ticks, or null. */
  ticksToLeader(atMost: number, leads = (_id: ReplicaId): boolean => true): number | null {
    for (let ticks = 0; ticks <= atMost; ticks++) {
      if (this.leaders.some(leads)) return ticks;
      this.tick();
    }
    return null;
  }

  #checkLeaders(): void {
    for (const [id, { node }] of this.#hosts) {
      const { role, term } = node.status();
      if (role !== StateType.StateLeader) continue;
      const known = this.#leaders.get(term) ?? id;
      if (known !== id) throw new Error(`${known} and ${id} lead in term ${term}`);
      this.#leaders.set(term, id);
    }
  }
}
