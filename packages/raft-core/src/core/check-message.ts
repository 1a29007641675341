import { confProblem } from '../confchange/changer.js';
import type { Entry } from '../entry.js';
import type { ReplicaId } from '../ids.js';
import { type Message, MessageType } from '../message.js';
import type { SnapshotMetadata } from '../storage.js';

/**
 * Terms and indexes above this are refused: no group gets there honestly, and a term close to 2^53
 * could not be followed by another one.
 */
export const MAX_REMOTE_NUMBER = 2 ** 52;

const { isInteger } = Number;

const isCount = (n: number): boolean => isInteger(n) && n >= 0 && n <= MAX_REMOTE_NUMBER;

const KNOWN_TYPES: ReadonlySet<number> = new Set(Object.values(MessageType));

/**
 * Whether a message from outside is well formed and addressed to this replica. It looks at nothing
 * but the message; what is impossible only in the light of the own state is refused later.
 */
export function isValidMessage(m: Message, id: ReplicaId): boolean {
  if (m === null || typeof m !== 'object' || !KNOWN_TYPES.has(m.type)) return false;
  if (m.to !== id || m.from === id || !isCount(m.from) || m.from === 0) return false;
  if (!isCount(m.term) || !isCount(m.index) || !isCount(m.logTerm) || !isCount(m.commit))
    return false;
  if (!isCount(m.rejectHint) || !isCount(m.readToken)) return false;
  if (!isCount(m.repairIndex) || !isCount(m.denyTerm)) return false;
  if (typeof m.reject !== 'boolean' || typeof m.force !== 'boolean') return false;
  if (!Array.isArray(m.entries) || typeof m.snapshot !== 'object') return false;
  return isAboutEntry(m) ? isValidAboutEntry(m) : m.term > 0 && isValidInTerm(m);
}

function isValidInTerm(m: Message): boolean {
  switch (m.type) {
    case MessageType.MsgApp:
      return isPosition(m) && m.logTerm <= m.term && areFollowing(m);
    case MessageType.MsgAppResp:
      return m.repairIndex === 0 || (m.readToken > 0 && !m.reject && m.index < m.repairIndex);
    case MessageType.MsgVote:
    case MessageType.MsgPreVote:
      // A candidate opens a term above all terms in its log, and knows no commit beyond it.
      return isPosition(m) && m.logTerm < m.term && m.commit <= m.index;
    case MessageType.MsgReadIndex:
    case MessageType.MsgReadIndexResp:
      return m.readToken > 0;
    case MessageType.MsgSnap:
      return m.snapshot !== null && isValidSnapshot(m.snapshot) && m.snapshot.term <= m.term;
    default:
      return true;
  }
}

function isAboutEntry(m: Message): boolean {
  return m.type === MessageType.MsgEntryReq || m.type === MessageType.MsgEntryResp;
}

/** MsgEntryReq and MsgEntryResp are of no term: whether somebody has an entry is no leader's matter. */
function isValidAboutEntry(m: Message): boolean {
  if (m.term !== 0 || m.index === 0 || m.logTerm === 0 || m.readToken === 0) return false;
  if (m.type === MessageType.MsgEntryReq) return m.entries.length === 0 && !m.reject;
  if (m.reject) return m.entries.length === 0 && m.denyTerm > m.logTerm;
  const [entry] = m.entries;
  return (
    m.entries.length === 1 &&
    entry !== undefined &&
    isValidEntry(entry) &&
    entry.index === m.index &&
    entry.term === m.logTerm
  );
}

function isValidSnapshot(s: SnapshotMetadata): boolean {
  if (!isCount(s.index) || s.index === 0 || !isCount(s.term) || s.term === 0) return false;
  const conf = s.confState;
  if (conf === null || typeof conf !== 'object' || typeof conf.autoLeave !== 'boolean')
    return false;
  const lists = [conf.voters, conf.learners, conf.votersOutgoing, conf.learnersNext];
  return lists.every(isIdList) && conf.voters.length > 0 && confProblem(conf) === null;
}

/** Ascending, without duplicates. */
function isIdList(ids: readonly ReplicaId[]): boolean {
  if (!Array.isArray(ids)) return false;
  return ids.every((id, i) => isCount(id) && id > 0 && (i === 0 || id > ids[i - 1]!));
}

/** Nothing stands before the log, so index 0 has term 0. */
function isPosition(m: Message): boolean {
  return m.index > 0 || m.logTerm === 0;
}

/** The entries follow m.index without a gap, in terms that never fall and never pass the sender's. */
function areFollowing(m: Message): boolean {
  let term = m.logTerm;
  let index = m.index;
  for (let i = 0; i < m.entries.length; i++) {
    const entry = m.entries[i]!;
    if (!isValidEntry(entry) || entry.index !== ++index || entry.term < term) return false;
    term = entry.term;
  }
  return term <= m.term && index <= MAX_REMOTE_NUMBER;
}

function isValidEntry(entry: Entry): boolean {
  return (
    entry !== null &&
    typeof entry === 'object' &&
    isCount(entry.term) &&
    entry.term > 0 &&
    (entry.type === 0 || entry.type === 1 || entry.type === 2) &&
    ArrayBuffer.isView(entry.data) &&
    isInteger(entry.checksum) &&
    entry.checksum >= 0 &&
    entry.checksum <= 0xffffffff
  );
}
