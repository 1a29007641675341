import type { Entry } from '#src/entry.js';
import { EntryType } from '#src/entry.js';
import { MessageType } from '#src/message.js';
import { StateType } from '#src/ready.js';
import type { SnapshotMetadata } from '#src/storage.js';
import { describeChanges } from '../conf-change-text.js';
import { decodeEtcdChange } from './etcd-conf-change.js';
import { APPEND_THREAD, APPLY_THREAD, type EtcdMessage, typeName } from './etcd-message.js';
import type { EtcdReady } from './etcd-node.js';

/* How etcd prints things (its util.go), to the byte. */

export const roleName = (role: StateType): string =>
  Object.entries(StateType).find(([, value]) => value === role)?.[0] ?? '?';

export function describeEntry(e: Entry): string {
  const name = Object.entries(EntryType).find(([, value]) => value === e.type)?.[0];
  const text = e.type === EntryType.EntryNormal ? quote(e.data) : changesOf(e);
  return `${e.term}/${e.index} ${name}${text === '' ? '' : ` ${text}`}`;
}

export function describeEntries(entries: readonly Entry[]): string {
  return entries.map((e) => `${describeEntry(e)}\n`).join('');
}

export function describeMessage(m: EtcdMessage, indent = ''): string {
  const isHeartbeat = m.type === MessageType.MsgHeartbeat;
  // Our heartbeats tell hosts the leader's commit index in a field that etcd leaves empty.
  const position = isHeartbeat ? '0/0' : `${m.logTerm}/${m.index}`;
  let text = `${indent}${target(m.from)}->${target(m.to)} ${typeName(m.type)} Term:${m.term} Log:${position}`;
  if (m.reject) text += ` Rejected (Hint: ${m.rejectHint})`;
  if (m.commit !== 0) text += ` Commit:${m.commit}`;
  if (m.vote !== undefined && m.vote !== 0) text += ` Vote:${m.vote}`;
  const [first] = m.entries;
  if (m.entries.length === 1 && first !== undefined) {
    text += ` Entries:[${describeEntry(first)}]`;
  } else if (m.entries.length > 1) {
    const lines = m.entries.map((e) => `\n${indent}  ${describeEntry(e)}`).join('');
    text += ` Entries:[${lines}\n${indent}]`;
  }
  if (m.snapshot !== null) text += `\n${indent}  Snapshot: ${describeSnapshot(m.snapshot)}`;
  if (m.responses !== undefined && m.responses.length > 0) {
    const lines = m.responses.map((r) => `\n${describeMessage(r, `${indent}  `)}`).join('');
    text += ` Responses:[${lines}\n${indent}]`;
  }
  return text;
}

export function describeReady(rd: EtcdReady): string {
  let text = '';
  if (rd.softState !== null) {
    text += `Lead:${rd.softState.leader} State:${roleName(rd.softState.role)}\n`;
  }
  if (rd.hardState !== null) {
    const { term, vote, commit } = rd.hardState;
    text += `HardState Term:${term}${vote === 0 ? '' : ` Vote:${vote}`} Commit:${commit}\n`;
  }
  if (rd.entries.length > 0) text += `Entries:\n${describeEntries(rd.entries)}`;
  if (rd.snapshot !== null) text += `Snapshot ${describeSnapshot(rd.snapshot)}\n`;
  if (rd.committed.length > 0) text += `CommittedEntries:\n${describeEntries(rd.committed)}`;
  if (rd.messages.length > 0) {
    text += `Messages:\n${rd.messages.map((m) => `${describeMessage(m)}\n`).join('')}`;
  }
  return text === '' ? '<empty Ready>' : `Ready MustSync=${rd.mustSync}:\n${text}`;
}

function describeSnapshot({ index, term, confState: c }: SnapshotMetadata): string {
  const list = (ids: readonly number[]): string => `[${ids.join(' ')}]`;
  return (
    `Index:${index} Term:${term} ConfState:Voters:${list(c.voters)} ` +
    `VotersOutgoing:${list(c.votersOutgoing)} Learners:${list(c.learners)} ` +
    `LearnersNext:${list(c.learnersNext)} AutoLeave:${c.autoLeave}`
  );
}

function target(id: number): string {
  if (id === APPEND_THREAD) return 'AppendThread';
  if (id === APPLY_THREAD) return 'ApplyThread';
  return id === 0 ? 'None' : id.toString(16);
}

function changesOf(e: Entry): string {
  return describeChanges(decodeEtcdChange(e).changes);
}

/** Go's %q, for the payloads that such files hold. */
function quote(data: Uint8Array): string {
  return JSON.stringify(new TextDecoder().decode(data));
}
