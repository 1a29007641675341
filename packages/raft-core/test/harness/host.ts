import { parseChanges } from '../../conformance/conf-change-text.js';
import {
  type Append,
  type AppliedConf,
  type ConfChange,
  ConfChangeTransition,
  type Config,
  type ConfState,
  type Drop,
  decodeConfChange,
  defaultConfig,
  type Entry,
  EntryType,
  MemoryStorage,
  type Message,
  MessageType,
  makeMessage,
  type ProposalData,
  RawNode,
  type ReadState,
  type ReplicaId,
  type SnapshotMetadata,
} from '../../src/index.js';

export const voters = (...ids: ReplicaId[]): ConfState => ({
  voters: ids,
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
});

const encoder = new TextEncoder();

export const bytes = (text: string): Uint8Array => encoder.encode(text);
export const text = (data: Uint8Array): string => new TextDecoder().decode(data);
export const proposal = (...texts: string[]): ProposalData[] =>
  texts.map((t) => ({ data: bytes(t), checksum: t.length }));

export const entry = (term: number, index: number, data = ''): Entry => ({
  term,
  index,
  type: EntryType.EntryNormal,
  data: bytes(data),
  checksum: data.length,
});

/** Entries of the given terms, from `first` on. */
export const log = (terms: readonly number[], first = 1): Entry[] =>
  terms.map((term, i) => entry(term, first + i, `${term}/${first + i}`));

/** A change from `v1 l2 r3`. */
export const changeOf = (text: string): ConfChange => ({
  transition: ConfChangeTransition.Auto,
  changes: parseChanges(text),
});

export type MessageFields = Partial<Omit<Message, 'type' | 'to' | 'from' | 'term'>>;

export function message(
  type: MessageType,
  from: ReplicaId,
  to: ReplicaId,
  term: number,
  fields: MessageFields = {},
): Message {
  return Object.assign(makeMessage(type, to, term), { from, ...fields });
}

export interface HostOptions extends Partial<Config> {
  readonly conf?: ConfState;
  readonly terms?: readonly number[];
  readonly hardState?: { term: number; vote: ReplicaId };
  readonly commit?: number;
}

/** Readys in a row; no test needs half as many. */
const MAX_READYS = 2000;

/**
 * A host of one replica. By default everything is durable and applied at once; set `autoAppend` or
 * `autoApply` to false to hold tickets or entries back.
 */
export class Host {
  readonly storage: MemoryStorage;
  readonly node: RawNode;
  autoAppend = true;
  autoApply = true;
  sent: Message[] = [];
  committed: Entry[] = [];
  reads: ReadState[] = [];
  drops: Drop[] = [];
  /** What became of each configuration change. */
  confs: AppliedConf[] = [];
  /** Snapshots installed. */
  snapshots: SnapshotMetadata[] = [];
  /** Damaged entries that were mended. */
  repaired: Entry[] = [];
  voidConfChanges = false;
  /** Handed out and not completed, oldest first. */
  open: Append[] = [];
  readonly #repairs: Entry[] = [];

  constructor(
    id: ReplicaId,
    options: HostOptions = {},
    prepare: (storage: MemoryStorage) => void = () => {},
  ) {
    const { conf = voters(1, 2, 3), terms = [], hardState, commit = 0, ...config } = options;
    this.storage = new MemoryStorage(conf);
    this.storage.append(log(terms), commit);
    const term = terms.length > 0 ? Math.max(...terms) : 0;
    this.storage.setHardState(hardState ?? { term, vote: 0 });
    prepare(this.storage);
    this.node = new RawNode({
      ...defaultConfig,
      id,
      storage: this.storage,
      random: () => 0,
      restartSilence: false,
      ...config,
    });
  }

  /** Handles every Ready; returns the messages that left. */
  run(): Message[] {
    const from = this.sent.length;
    for (let i = 0; this.node.hasReady(); i++) {
      if (i === MAX_READYS) throw new Error('a replica never comes to rest');
      const ready = this.node.ready();
      if (ready.hardState !== null) this.storage.setHardState(ready.hardState);
      if (ready.append !== null) this.open.push(ready.append);
      this.sent.push(...ready.messages);
      this.committed.push(...ready.committed);
      this.reads.push(...ready.reads);
      this.drops.push(...ready.drops);
      this.#repairs.push(...ready.repairs);
      const last = ready.committed[ready.committed.length - 1];
      if (this.autoApply && last !== undefined) this.apply(last.index);
      if (this.autoAppend) this.completeAll();
    }
    return this.sent.slice(from);
  }

  /** Applies what was handed out, up to `index`. */
  apply(index: number): void {
    for (const e of this.committed) {
      if (e.index <= this.node.status().applied || e.index > index) continue;
      if (e.type !== EntryType.EntryNormal) {
        const change = this.voidConfChanges ? null : decodeConfChange(e.data);
        this.confs.push(this.node.applyConfChange(change));
      }
      this.node.applied(e.index);
    }
  }

  completeNext(): void {
    const append = this.open.shift();
    if (append === undefined) throw new Error('no open ticket');
    if (append.snapshot !== null) {
      this.snapshots.push(append.snapshot);
      this.storage.applySnapshot(append.snapshot);
    }
    if (append.truncateFrom !== undefined) this.storage.truncateFrom(append.truncateFrom);
    for (const e of this.#repairs.splice(0)) {
      this.storage.repair(e);
      this.repaired.push(e);
    }
    this.storage.append(append.entries, append.commit);
    this.node.appended(append.ticket);
  }

  completeAll(): void {
    while (this.open.length > 0) this.completeNext();
  }

  step(...messages: Message[]): Message[] {
    for (const m of messages) this.node.step(m);
    return this.run();
  }

  tick(count = 1): Message[] {
    const from = this.sent.length;
    for (let i = 0; i < count; i++) {
      this.node.tick();
      this.run();
    }
    return this.sent.slice(from);
  }

  /** Makes this replica leader by giving it the votes of everybody in the configuration. */
  elect(): Message[] {
    const from = this.sent.length;
    this.node.campaign();
    for (let sent = this.run(); sent.length > 0; sent = this.run()) {
      for (const m of sent) {
        const isVote = m.type === MessageType.MsgVote;
        if (!isVote && m.type !== MessageType.MsgPreVote) continue;
        const type = isVote ? MessageType.MsgVoteResp : MessageType.MsgPreVoteResp;
        this.node.step(message(type, m.to, m.from, m.term));
      }
    }
    return this.sent.slice(from);
  }

  /** The log as the storage holds it: [term, index] pairs. */
  logTerms(): number[] {
    const terms: number[] = [];
    for (let i = this.storage.firstIndex(); i <= this.storage.lastIndex(); i++) {
      terms.push(this.storage.term(i));
    }
    return terms;
  }
}

/** Applies entries up to `index` that a host with autoApply off holds. */
export function applied(host: Host, index: number): void {
  host.apply(index);
}
