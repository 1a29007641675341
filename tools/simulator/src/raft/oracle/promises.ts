import { type Message, MessageType, type Status } from '@dougdb/raft-core';
import { Violation } from '@dougdb/raft-core/testing';
import type { RaftDisk } from '../process/raft-disk.js';
import type { Oracle } from './oracle.js';

/** What a message promises is on the disk of its sender before it leaves. */
export function checkPromise(m: Message, disk: RaftDisk, oracle: Oracle): void {
  const { term, vote } = disk.storage.initialState().hardState;
  // A pre-vote and its grant speak of a term that nobody has entered; a refusal brings the own one.
  const isPre =
    m.type === MessageType.MsgPreVote || (m.type === MessageType.MsgPreVoteResp && !m.reject);
  if (!isPre && m.term > term) throw new Violation('term-durable', `${m.from} in ${m.term}`);
  switch (m.type) {
    case MessageType.MsgVoteResp:
      if (m.reject) return;
      if (m.term === term && vote !== m.to) {
        throw new Violation('vote-durable', `${m.from} votes for ${m.to}, on disk is ${vote}`);
      }
      oracle.votes(m);
      return;
    case MessageType.MsgAppResp:
      if (m.reject || m.repairIndex !== 0 || m.index <= disk.log.last) return;
      throw new Violation('ack-durable', `${m.from} acknowledges ${m.index} of ${disk.log.last}`);
    case MessageType.MsgEntryResp:
      if (!m.reject || m.denyTerm <= term) return;
      throw new Violation(
        'denial-durable',
        `${m.from} denies in ${m.denyTerm}, on disk is ${term}`,
      );
    default:
      return;
  }
}

interface Before {
  readonly id: number;
  readonly term: number;
  readonly commit: number;
}

/** Terms and commit indexes never fall; compacted <= applied <= commit <= last, applied <= durable. */
export function checkOrder({ id, term, commit }: Before, now: Status): void {
  if (now.term < term) throw new Violation('term-monotonic', `${id}: ${term} to ${now.term}`);
  if (now.commit < commit) {
    throw new Violation('commit-monotonic', `${id}: ${commit} to ${now.commit}`);
  }
  const isInOrder =
    now.applied <= now.commit &&
    (now.commit <= now.lastIndex || now.isRecovering) &&
    now.durable <= now.lastIndex &&
    (now.isInstalling || (now.firstIndex - 1 <= now.applied && now.applied <= now.durable));
  if (isInOrder) return;
  const { firstIndex, applied, durable, lastIndex } = now;
  throw new Violation(
    'ordering',
    `${id}: first ${firstIndex}, applied ${applied}, durable ${durable}, commit ${now.commit}, last ${lastIndex}`,
  );
}
