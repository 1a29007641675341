import type { ConfChange } from '#src/confchange/conf-change.js';
import { type Config, defaultConfig } from '#src/config.js';
import { campaignIfAllowed, forgetLeader, handleVoteResponse } from '#src/core/election.js';
import {
  applyConfChange,
  checkConfApplied,
  maybeAutoLeave,
  proposeConfChange,
} from '#src/core/membership.js';
import { Raft } from '#src/core/raft.js';
import { handleSelfDurable, propose } from '#src/core/replication.js';
import { reportUnreachable } from '#src/core/reports.js';
import { stepFromPeer } from '#src/core/step.js';
import { tick } from '#src/core/tick.js';
import { transferLeader } from '#src/core/transfer.js';
import { type Entry, EntryType } from '#src/entry.js';
import { type Message, MessageType, makeMessage } from '#src/message.js';
import { DropReason, type Proposed, type SoftState } from '#src/ready.js';
import type { HardState, SnapshotMetadata } from '#src/storage.js';
import { decodeEtcdChange, encodeEtcdChange } from './etcd-conf-change.js';
import {
  APPEND_THREAD,
  APPLY_THREAD,
  type EtcdMessage,
  isResponse,
  LocalType,
} from './etcd-message.js';
import { EtcdOutbox } from './etcd-outbox.js';
import { EtcdStorage } from './etcd-storage.js';

/** etcd's Ready. */
export interface EtcdReady {
  readonly softState: SoftState | null;
  readonly hardState: HardState | null;
  readonly entries: readonly Entry[];
  readonly snapshot: SnapshotMetadata | null;
  readonly committed: readonly Entry[];
  readonly messages: readonly EtcdMessage[];
  readonly mustSync: boolean;
}

export interface EtcdOptions {
  readonly config: Partial<Config>;
  readonly isAsync: boolean;
  readonly isLeaseBased: boolean;
  readonly start: SnapshotMetadata | null;
}

const DROPPED = 'raft proposal dropped';

/**
 * Our protocol code behind the interface of etcd's RawNode, in both of its storage modes. What differs
 * on purpose (tickets, lazy appends, who answers when) is replaced; elections, replication, membership
 * and snapshots are the very same functions.
 */
export class EtcdNode {
  readonly raft: Raft;
  readonly storage: EtcdStorage;
  readonly isAsync: boolean;
  appendWork: EtcdMessage[] = [];
  applyWork: EtcdMessage[] = [];
  readonly #out: EtcdOutbox;
  readonly #isLeaseBased: boolean;
  #softState: SoftState;
  #hardState: HardState;
  /** Sync mode: what advance() steps. */
  #onAdvance: EtcdMessage[] = [];

  constructor(id: number, options: EtcdOptions) {
    this.storage = new EtcdStorage(options.start);
    this.isAsync = options.isAsync;
    this.#isLeaseBased = options.isLeaseBased;
    this.raft = new Raft(
      {
        ...defaultConfig,
        electionTick: 3,
        heartbeatTick: 1,
        preVote: false,
        checkQuorum: false,
        maxSizePerMsg: Number.MAX_SAFE_INTEGER,
        maxInflightMsgs: 2 ** 31 - 1,
        maxInflightBytes: Number.MAX_SAFE_INTEGER,
        maxUncommittedBytes: Number.MAX_SAFE_INTEGER,
        maxApplyingBytes: Number.MAX_SAFE_INTEGER,
        snapshotTimeoutTick: Number.MAX_SAFE_INTEGER,
        restartSilence: false,
        eagerAppend: true,
        confChangeChecks: 'etcd',
        stepDownOnRemoval: false,
        handOverOnRemoval: false,
        random: () => 0,
        ...options.config,
        id,
        storage: this.storage,
        applied: options.start?.index ?? 0,
      },
      (raft) => new EtcdOutbox(raft),
    );
    this.#out = this.raft.out as EtcdOutbox;
    this.raft.term = 0;
    this.#softState = { leader: 0, role: this.raft.role };
    this.#hardState = this.#hardStateNow();
  }

  get id(): number {
    return this.raft.id;
  }

  campaign(): void {
    campaignIfAllowed(this.raft);
  }

  tick(): void {
    tick(this.raft, 0);
  }

  forgetLeader(): void {
    if (!this.#isLeaseBased) forgetLeader(this.raft);
  }

  reportUnreachable(id: number): void {
    reportUnreachable(this.raft, id);
  }

  /** A follower passes it on. */
  transferLeader(to: number): void {
    if (this.raft.isLeader) {
      transferLeader(this.raft, to);
    } else if (this.raft.leader !== 0) {
      const m = local(LocalType.MsgTransferLeader, to, this.raft.leader);
      m.term = this.raft.term;
      this.#out.messages.push(m);
    }
  }

  propose(data: Uint8Array): void {
    const forwarded = [{ ...NO_PLACE, type: EntryType.EntryNormal, data, checksum: 0 }];
    this.#accept(propose(this.raft, [{ data, checksum: 0 }]), forwarded);
  }

  proposeConfChange(change: ConfChange, type: EntryType): void {
    const data = encodeEtcdChange(change);
    this.#accept(this.#proposeChange(change, type), [{ ...NO_PLACE, type, data, checksum: 0 }]);
  }

  /** @returns what etcd's Step would have failed with, or null */
  step(m: EtcdMessage): string | null {
    switch (m.type) {
      case LocalType.MsgProp:
        return this.#stepProposal(m);
      case LocalType.MsgTransferLeader:
        transferLeader(this.raft, m.from);
        return null;
      case LocalType.MsgStorageAppendResp:
        this.#stored(m);
        return null;
      case LocalType.MsgStorageApplyResp:
        this.#applied(m.entries);
        return null;
      default:
        break;
    }
    const isKnown = this.raft.tracker.get(m.from) !== undefined;
    if (isResponse(m) && !isKnown) return 'raft: cannot step as peer not found';
    if (m.from === this.id) this.#stepOwn(m as Message);
    else stepFromPeer(this.raft, m as Message);
    return null;
  }

  hasReady(): boolean {
    const { log } = this.raft;
    return (
      this.#softStateChange() !== null ||
      this.#hardStateChange() !== null ||
      log.hasUnhandedSnapshot ||
      this.#out.messages.length > 0 ||
      this.#out.messagesAfterAppend.length > 0 ||
      log.hasUnhanded ||
      log.hasNextCommitted
    );
  }

  /** Takes the Ready; in sync mode its entries are on disk when this returns. */
  ready(): EtcdReady {
    const { log } = this.raft;
    const softState = this.#softStateChange();
    const hardState = this.#hardStateChange();
    const entries = log.takeUnhanded();
    const snapshot = log.takeUnhandedSnapshot();
    const { term, vote } = this.#hardState;
    const mustSync = entries.length > 0 || this.raft.term !== term || this.raft.vote !== vote;
    const messages = this.#out.messages;
    const answers = this.#out.messagesAfterAppend;
    this.#out.messages = [];
    this.#out.messagesAfterAppend = [];
    this.#softState = softState ?? this.#softState;
    this.#hardState = hardState ?? this.#hardState;
    const hasUnstable = log.lastIndex > this.#stableEnd();
    const stored = this.#storageResponse(hasUnstable, snapshot);
    if (!this.isAsync) {
      this.#persist(entries, snapshot);
      this.#onAdvance = [...answers.filter((m) => m.to === this.id), ...stored];
      messages.push(...answers.filter((m) => m.to !== this.id));
    }
    const committed = log.takeNextCommitted();
    if (this.isAsync) {
      const hasWork = entries.length > 0 || hardState !== null || snapshot !== null;
      if (hasWork || answers.length > 0) {
        const responses = [...answers, ...stored];
        messages.push(this.#storageAppend({ entries, hardState, snapshot, responses }));
      }
      if (committed.length > 0) messages.push(this.#storageApply(committed));
    }
    return { softState, hardState, entries, snapshot, committed, messages, mustSync };
  }

  /** Sync mode: the Ready is carried out. */
  advance(rd: EtcdReady): void {
    for (const m of this.#onAdvance) {
      if (m.type === LocalType.MsgStorageAppendResp) this.#stored(m);
      else this.#stepOwn(m as Message);
    }
    this.#onAdvance = [];
    if (rd.committed.length > 0) this.#applied(rd.committed);
  }

  /** Async mode: what the append thread was told is on disk. */
  persist(m: EtcdMessage): void {
    this.#persist(m.entries, m.snapshot);
  }

  /** The state machine takes committed entries. */
  apply(entries: readonly Entry[]): void {
    for (const e of entries) {
      if (e.type === EntryType.EntryNormal) {
        this.storage.applied(e, null);
      } else {
        const { confState } = applyConfChange(this.raft, decodeEtcdChange(e));
        this.storage.applied(e, confState);
      }
    }
  }

  #accept(proposed: Proposed, entries: readonly Entry[]): void {
    if (!('dropped' in proposed)) return;
    const { raft } = this;
    if (proposed.dropped !== DropReason.NotLeader) throw new Error(DROPPED);
    const m = local(LocalType.MsgProp, this.id, raft.leader);
    m.entries = entries;
    this.#out.messages.push(m);
  }

  /** etcd lets an empty entry take the place of a change that it refuses. */
  #proposeChange(change: ConfChange, type: EntryType): Proposed {
    const data = { data: encodeEtcdChange(change), checksum: 0 };
    const proposed = proposeConfChange(this.raft, change, { data, type });
    if (!('dropped' in proposed)) return proposed;
    const { dropped } = proposed;
    const isCheck =
      dropped === DropReason.ConfChangePending ||
      dropped === DropReason.JointConf ||
      dropped === DropReason.NotJointConf;
    if (!isCheck) return proposed;
    return propose(this.raft, [{ data: new Uint8Array(0), checksum: 0 }]);
  }

  #stepProposal(m: EtcdMessage): string | null {
    for (const e of m.entries) {
      const proposed =
        e.type === EntryType.EntryNormal
          ? propose(this.raft, [e])
          : this.#proposeChange(decodeEtcdChange(e), e.type);
      if ('dropped' in proposed) return DROPPED;
    }
    return null;
  }

  /** A vote or acknowledgement for itself, durable now. */
  #stepOwn(m: Message): void {
    const { raft } = this;
    const isPreGrant = m.type === MessageType.MsgPreVoteResp && m.term === raft.term + 1;
    if (m.term !== raft.term && !isPreGrant) return;
    if (m.type !== MessageType.MsgAppResp) handleVoteResponse(raft, m);
    else if (raft.isLeader) handleSelfDurable(raft, m.index);
  }

  /** Entries of an older term may be on their way to be replaced (rawnode.go, newStorageAppendRespMsg). */
  #stored(m: EtcdMessage): void {
    const { raft } = this;
    const { log } = raft;
    const isUnstable = m.index > this.#stableEnd() && log.term(m.index) === m.logTerm;
    if (m.index !== 0 && m.term === raft.term && isUnstable) log.durableTo(m.index);
    if (m.snapshot === null) return;
    log.installed(m.snapshot.index);
    raft.confBeforeInstall = null;
    maybeAutoLeave(raft);
  }

  #applied(entries: readonly Entry[]): void {
    const last = entries[entries.length - 1];
    if (last === undefined) return;
    checkConfApplied(this.raft, last.index);
    this.raft.log.appliedTo(last.index);
    maybeAutoLeave(this.raft);
  }

  #persist(entries: readonly Entry[], snapshot: SnapshotMetadata | null): void {
    if (snapshot !== null) this.storage.applySnapshot(snapshot);
    this.storage.append(entries);
    // In sync mode nothing can come between taking the Ready and this.
    const last = entries[entries.length - 1];
    if (!this.isAsync && last !== undefined) this.raft.log.durableTo(last.index);
  }

  /** Last index that is not in the unstable part of the log. */
  #stableEnd(): number {
    const { log } = this.raft;
    return log.isInstalling ? Math.max(log.firstIndex - 1, log.durable) : log.durable;
  }

  #storageResponse(hasUnstable: boolean, snapshot: SnapshotMetadata | null): EtcdMessage[] {
    if (!hasUnstable && snapshot === null) return [];
    const m = local(LocalType.MsgStorageAppendResp, APPEND_THREAD, this.id);
    m.term = this.raft.term;
    if (hasUnstable) {
      m.index = this.raft.log.lastIndex;
      m.logTerm = this.raft.log.lastTerm;
    }
    m.snapshot = snapshot;
    return [m];
  }

  #storageAppend(work: {
    readonly entries: readonly Entry[];
    readonly hardState: HardState | null;
    readonly snapshot: SnapshotMetadata | null;
    readonly responses: readonly EtcdMessage[];
  }): EtcdMessage {
    const m = local(LocalType.MsgStorageAppend, this.id, APPEND_THREAD);
    m.entries = work.entries;
    m.term = work.hardState?.term ?? 0;
    m.vote = work.hardState?.vote ?? 0;
    m.commit = work.hardState?.commit ?? 0;
    m.snapshot = work.snapshot;
    m.responses = work.responses;
    return m;
  }

  #storageApply(committed: readonly Entry[]): EtcdMessage {
    const response = local(LocalType.MsgStorageApplyResp, APPLY_THREAD, this.id);
    response.entries = committed;
    const m = local(LocalType.MsgStorageApply, this.id, APPLY_THREAD);
    m.entries = committed;
    m.responses = [response];
    return m;
  }

  #softStateChange(): SoftState | null {
    const { leader, role } = this.raft;
    const isSame = leader === this.#softState.leader && role === this.#softState.role;
    return isSame ? null : { leader, role };
  }

  #hardStateNow(): HardState {
    const { term, vote, log } = this.raft;
    return { term, vote, commit: log.committed };
  }

  #hardStateChange(): HardState | null {
    const now = this.#hardStateNow();
    const before = this.#hardState;
    const isSame = now.term === before.term && now.vote === before.vote;
    return isSame && now.commit === before.commit ? null : now;
  }
}

const NO_PLACE = Object.freeze({ term: 0, index: 0 });

function local(type: number, from: number, to: number): EtcdMessage {
  const m: EtcdMessage = makeMessage(MessageType.MsgApp, to, 0);
  m.type = type;
  m.from = from;
  return m;
}
