import {
  type ConfChange,
  type Config,
  type ConfState,
  decodeConfChange,
  defaultConfig,
  type Entry,
  EntryType,
  type Message,
  MessageType,
  RawNode,
  type Ready,
  type ReplicaId,
  StateType,
} from '../../src/index.js';
import { type LogView, type ReplicaView, Violation } from '../../src/testing/index.js';
import { bytes } from './host.js';
import type { Oracle } from './oracle.js';
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
  /** The commit index that belongs to `model`. */
  #viewCommit = 0;
  readonly #config: Partial<Config>;
  readonly #prng: Prng;
  readonly #oracle: Oracle;
  readonly #send: (m: Message) => void;
  readonly #disks: () => readonly SimDisk[];
  /** Configurations by the index of the entry that made them, ascending. */
  #confs: { readonly index: number; readonly conf: ConfState }[] = [];
  /** Since the invariants were checked last. */
  hasChanged = true;
  /** A snapshot is on its way to the disk. */
  #isInstalling = false;
  /** The next life begins without some of what was promised. */
  isTailLost = false;
  readonly #trace: (line: () => string) => void;

  constructor(
    id: ReplicaId,
    conf: ConfState,
    env: {
      config: Partial<Config>;
      prng: Prng;
      oracle: Oracle;
      genesis: Entry | null;
      send: (m: Message) => void;
      disks: () => readonly SimDisk[];
      trace: (line: () => string) => void;
    },
  ) {
    this.id = id;
    this.disk = new SimDisk(id, conf, env.genesis);
    this.#config = env.config;
    this.#prng = env.prng;
    this.#oracle = env.oracle;
    this.#send = env.send;
    this.#disks = env.disks;
    this.#trace = env.trace;
  }

  start(restartSilence: boolean): void {
    const { disk } = this;
    this.model = [...disk.durableEntries];
    this.life = {};
    this.toApply = [];
    this.applied = disk.frontier;
    this.#isInstalling = false;
    this.#confs = [{ index: disk.frontier, conf: disk.confState }];
    disk.storage.setConfState(disk.confState);
    this.node = new RawNode({
      ...defaultConfig,
      id: this.id,
      storage: disk.storage,
      random: this.#prng.next,
      restartSilence,
      applied: this.applied,
      recovering: this.isTailLost,
      ...this.#config,
    });
    this.#commit = this.node.status().commit;
    this.#viewCommit = Math.min(this.#commit, this.model.length);
  }

  /** Power fails. */
  crash(): void {
    this.#write(this.#prng.between(0, this.disk.openTickets));
    this.disk.crash();
    const frontier = this.#prng.between(this.disk.frontier, this.applied);
    if (frontier > this.disk.frontier) {
      this.disk.frontier = frontier;
      this.disk.confState = this.#confAt(frontier);
      this.disk.storage.setSnapshot(frontier, this.disk.confState);
    }
    this.checkWhole();
    this.node = null;
    this.#oracle.forget(this.life);
  }

  /** The state machine is made durable and the log is cut. */
  compact(): void {
    if (this.node === null || this.#isInstalling || this.applied === 0) return;
    const to = this.#prng.between(this.disk.storage.firstIndex() - 1, this.applied);
    this.disk.flush(this.applied, this.#confAt(this.applied), to);
    this.node.flushed(this.applied);
    this.#oracle.counts.ownSnapshots++;
  }

  /** Whether something of its log cannot be read. */
  get isDamaged(): boolean {
    return this.disk.isDamaged;
  }

  /** A lying disk: entries above the state machine that were reported durable are gone. */
  loseTail(prng: Prng): void {
    const { disk } = this;
    const last = disk.durableEntries.length;
    if (last <= disk.frontier) return;
    disk.loseTail(prng.between(disk.frontier + 1, last));
    this.isTailLost = true;
  }

  /** A replica that has recovered holds again what it promised. */
  checkWhole(): void {
    if (!this.isTailLost || this.node === null || this.node.status().isRecovering) return;
    this.isTailLost = false;
    this.#oracle.counts.recovered++;
    this.disk.whole();
  }

  get view(): ReplicaView | null {
    if (this.node === null) return null;
    const { term, role, confState: conf } = this.node.status();
    const [log, disk] = [viewOf(this.model), viewOf(this.disk.durableEntries)];
    return { id: this.id, term, role, commit: this.#viewCommit, conf, log, disk };
  }

  /** Handles one Ready, if there is one. */
  handleReady(): void {
    const { node } = this;
    if (node === null) return;
    if (!node.hasReady()) return;
    this.hasChanged = true;
    const ready = node.ready();
    if (ready.hardState !== null) this.disk.storage.setHardState(ready.hardState);
    this.#append(ready);
    const status = this.#observe(node);
    this.#viewCommit = status.commit;
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
    if (done === null || this.node === null) return;
    if (done.snapshot !== null) {
      this.applied = done.snapshot.index;
      this.#confs = [{ index: this.applied, conf: done.snapshot.confState }];
      this.#isInstalling = false;
    }
    this.node.appended(done.ticket);
    if (this.node.commitIndex !== this.#commit) this.#observe(this.node);
  }

  step(m: Message): string {
    if (this.node === null) return 'down';
    const status = this.node.step(m);
    if (this.node.commitIndex !== this.#commit) this.#observe(this.node);
    return status;
  }

  runApply(): void {
    const count = this.#prng.between(0, this.toApply.length);
    if (count === 0 || this.node === null) return;
    for (const e of this.toApply.splice(0, count)) {
      if (e.type !== EntryType.EntryNormal) this.#applyConf(this.node, e);
      this.applied = e.index;
    }
    this.node.applied(this.applied);
    if (this.node.commitIndex !== this.#commit) this.#observe(this.node);
  }

  #applyConf(node: RawNode, e: Entry): void {
    const wasLeader = node.status().role === StateType.StateLeader;
    const { confState: conf } = node.applyConfChange(decodeConfChange(e.data));
    this.#oracle.configured(e.index, conf);
    this.#confs.push({ index: e.index, conf });
    const isVoter = [...conf.voters, ...conf.votersOutgoing].includes(this.id);
    if (wasLeader && !isVoter) this.#oracle.counts.removedLeaders++;
  }

  #confAt(index: number): ConfState {
    const found = this.#confs.filter((c) => c.index <= index).at(-1);
    return found?.conf ?? this.disk.confState;
  }

  proposeConfChange(change: ConfChange): void {
    const proposed = this.node?.proposeConfChange(change);
    if (proposed === undefined || 'dropped' in proposed) return;
    this.#oracle.proposed(this.life, proposed.term, proposed.first);
  }

  /** A read under the lease, of a state machine that is up to date. */
  leaseRead(nowMs: number): void {
    const index = this.node?.leaseReadIndex(nowMs) ?? null;
    if (index !== null && this.node?.leaseValid(nowMs)) this.#oracle.leaseRead(this.id, index);
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
    const { append, repairs } = ready;
    if (append === null) return;
    const { snapshot, truncateFrom } = append;
    let prefix: readonly Entry[] = [];
    if (snapshot !== null) {
      this.#oracle.counts.installs++;
      this.#isInstalling = true;
      this.toApply = [];
      prefix = this.#oracle.prefix(snapshot.index);
      if (this.model[snapshot.index - 1]?.term !== snapshot.term) this.model = [...prefix];
    }
    if (truncateFrom !== undefined) {
      this.#oracle.counts.denied++;
      this.model.length = truncateFrom - 1;
    }
    this.#oracle.counts.repairs += repairs.length;
    const first = append.entries[0];
    if (first !== undefined) {
      this.model.length = first.index - 1;
      this.model.push(...append.entries);
      this.#oracle.appended(this.model, append.entries);
    }
    if (append.commit > this.model.length) {
      throw new Violation('commit hint in log', `${this.id}: ${append.commit}`);
    }
    this.disk.submit({ ...append, repairs, prefix });
  }

  #write(count: number): void {
    for (let i = 0; i < count; i++) {
      const append = this.disk.nextToWrite;
      if (append === undefined) return;
      this.hasChanged = true;
      this.#oracle.overwrites(this.id, this.disk.durableEntries, append.entries);
      this.disk.write();
    }
  }

  /** Commit never falls, and what it covers is safe. */
  #observe(node: RawNode) {
    const status = node.status();
    if (status.commit < this.#commit) {
      throw new Violation('commit monotonic', `${this.id}: ${this.#commit} to ${status.commit}`);
    }
    this.#commit = status.commit;
    // Entries that are not handed out yet are not in the model: they are durable nowhere.
    if (status.commit <= this.model.length) {
      this.#oracle.commits(status, this.model, this.#disks());
    }
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

/** Of a log whose entry 1 stands at 0. */
const viewOf = (entries: readonly Entry[]): LogView => ({
  last: entries.length,
  termAt: (index) => (index === 0 ? 0 : (entries[index - 1]?.term ?? -1)),
});

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
