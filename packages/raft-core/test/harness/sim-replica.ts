import {
  type Config,
  type ConfState,
  defaultConfig,
  type Entry,
  type Message,
  MessageType,
  RawNode,
  type Ready,
  type ReplicaId,
  StateType,
} from '../../src/index.js';
import { bytes } from './host.js';
import { type Oracle, Violation } from './oracle.js';
import type { Prng } from './prng.js';
import { SimDisk } from './sim-disk.js';

/** One simulated process: a replica, its disk, and a state machine that lags behind. */
export class SimReplica {
  readonly id: ReplicaId;
  readonly disk: SimDisk;
  node: RawNode | null = null;
  /** The log as this process believes it to be: durable or not. */
  model: Entry[] = [];
  /** Identity of this life; a restart begins another. */
  life: object = {};
  /** Entries handed out and not applied. */
  toApply: Entry[] = [];
  applied = 0;
  #commit = 0;
  readonly #config: Partial<Config>;
  readonly #prng: Prng;
  readonly #oracle: Oracle;
  readonly #send: (m: Message) => void;
  readonly #trace: (line: () => string) => void;

  constructor(
    id: ReplicaId,
    conf: ConfState,
    env: {
      config: Partial<Config>;
      prng: Prng;
      oracle: Oracle;
      send: (m: Message) => void;
      trace: (line: () => string) => void;
    },
  ) {
    this.id = id;
    this.disk = new SimDisk(conf);
    this.#config = env.config;
    this.#prng = env.prng;
    this.#oracle = env.oracle;
    this.#send = env.send;
    this.#trace = env.trace;
  }

  start(restartSilence: boolean): void {
    this.model = [...this.disk.durableEntries];
    this.life = {};
    this.toApply = [];
    this.applied = this.disk.frontier;
    this.node = new RawNode({
      ...defaultConfig,
      id: this.id,
      storage: this.disk.storage,
      random: this.#prng.next,
      restartSilence,
      applied: this.applied,
      ...this.#config,
    });
    this.#commit = this.node.status().commit;
  }

  /** Power fails. */
  crash(): void {
    this.#write(this.#prng.between(0, this.disk.openTickets));
    this.disk.crash();
    this.disk.frontier = this.#prng.between(this.disk.frontier, this.applied);
    this.node = null;
    this.#oracle.forget(this.life);
  }

  /** Handles one Ready, if there is one. */
  handleReady(disks: readonly SimDisk[]): void {
    const { node } = this;
    if (node === null) return;
    if (!node.hasReady()) return;
    const ready = node.ready();
    if (ready.hardState !== null) this.disk.storage.setHardState(ready.hardState);
    this.#append(ready);
    const status = this.#observe(node, disks);
    if (status.role === StateType.StateLeader) {
      this.#oracle.leads(this.id, status.term, this.model);
    }
    for (const m of ready.messages) {
      this.#checkPromise(m);
      this.#send(m);
    }
    for (const e of ready.committed) {
      this.#oracle.applied(this.id, e);
      this.#oracle.decided(this.life, e);
      const expected = this.applied + this.toApply.length + 1;
      if (e.index !== expected) throw new Violation('apply order', `${e.index}, not ${expected}`);
      if (this.disk.durableEntries[e.index - 1]?.term !== e.term) {
        throw new Violation(
          'apply durable',
          `${this.id} was handed ${e.index} before it was durable`,
        );
      }
      this.toApply.push(e);
    }
    for (const read of ready.reads) this.#oracle.readDone(this.life, read.ticket, read.index);
    for (const drop of ready.drops) this.#oracle.dropped(this.life, drop);
    this.#trace(() => describeReady(this.id, ready));
  }

  /** One append reaches the disk, and perhaps is reported. */
  runDisk(): void {
    this.#write(this.#prng.between(0, 2));
    if (!this.#prng.chance(0.7)) return;
    const done = this.disk.complete();
    if (done !== null) this.node?.appended(done.ticket);
  }

  runApply(): void {
    const count = this.#prng.between(0, this.toApply.length);
    if (count === 0) return;
    this.toApply.splice(0, count);
    this.applied += count;
    this.node?.applied(this.applied);
  }

  propose(payload: string): void {
    const proposed = this.node?.propose([{ data: bytes(payload), checksum: 1 }]);
    if (proposed === undefined || 'dropped' in proposed) return;
    this.#oracle.proposed(this.life, proposed.term, proposed.first);
  }

  read(): void {
    const ticket = this.node?.readIndex();
    if (typeof ticket === 'number') this.#oracle.readAsked(this.life, ticket);
  }

  #append(ready: Ready): void {
    const { append } = ready;
    if (append === null) return;
    const first = append.entries[0];
    if (first !== undefined) {
      this.model.length = first.index - 1;
      this.model.push(...append.entries);
      this.#oracle.appended(this.model, append.entries);
    }
    if (append.commit > this.model.length) {
      throw new Violation('commit hint in log', `${this.id}: ${append.commit}`);
    }
    this.disk.submit(append);
  }

  #write(count: number): void {
    for (let i = 0; i < count; i++) {
      const append = this.disk.nextToWrite;
      if (append === undefined) return;
      this.#oracle.overwrites(this.id, this.disk.durableEntries, append.entries);
      this.disk.write();
    }
  }

  /** Commit never falls, and what it covers is safe. */
  #observe(node: RawNode, disks: readonly SimDisk[]) {
    const status = node.status();
    if (status.commit < this.#commit) {
      throw new Violation('commit monotonic', `${this.id}: ${this.#commit} to ${status.commit}`);
    }
    this.#commit = status.commit;
    this.#oracle.commits(status, this.model, disks);
    return status;
  }

  /** What a message promises is on this disk before it leaves. */
  #checkPromise(m: Message): void {
    const { hardState } = this.disk.storage.initialState();
    if (m.type !== MessageType.MsgPreVote && m.type !== MessageType.MsgPreVoteResp) {
      if (m.term > hardState.term) throw new Violation('term durable', `${this.id}: ${m.term}`);
    }
    if (m.type === MessageType.MsgVoteResp && !m.reject && m.term === hardState.term) {
      if (hardState.vote !== m.to) throw new Violation('vote durable', `${this.id} for ${m.to}`);
    }
    if (m.type === MessageType.MsgAppResp && !m.reject && m.index > 0) {
      if (this.disk.durableEntries.length < m.index) {
        throw new Violation('ack durable', `${this.id} acknowledged ${m.index}`);
      }
    }
  }
}

function describeReady(id: ReplicaId, ready: Ready): string {
  const { append, committed, softState, hardState } = ready;
  const parts = [
    `${id}`,
    softState === null ? '' : `soft ${softState.leader}/${softState.role}`,
    hardState === null ? '' : `hard ${hardState.term}/${hardState.vote}`,
    append === null
      ? ''
      : `append #${append.ticket} ${append.entries.map((e) => `${e.term}/${e.index}`).join()}`,
    committed.map((e) => `commit ${e.term}/${e.index}`).join(),
    ready.messages.map(describeMessage).join(' '),
    ready.reads.map((read) => `read ${read.ticket}@${read.index}`).join(),
    ready.drops.map((drop) => `drop ${drop.kind} ${drop.reason}`).join(),
  ];
  return parts.filter((part) => part !== '').join(' | ');
}

export function describeMessage(m: Message): string {
  return `${m.from}>${m.to}:${m.type}t${m.term}l${m.logTerm}/${m.index}c${m.commit}${m.reject ? `r${m.rejectHint}` : ''}${m.force ? 'f' : ''}k${m.readToken}[${m.entries.length}]`;
}
