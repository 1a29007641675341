import { type Message, MessageType } from '@dougdb/raft-core';
import type { RaftProcess } from './process/raft-process.js';
import type { RaftGroup } from './raft-group.js';

/** A message comes to a process that runs, or is down. */
export function deliver(group: RaftGroup, m: Message, target: RaftProcess): void {
  if (m.type === MessageType.MsgSnap && !isStreamed(group, m, target)) return;
  noteArrival(group, m, target);
  const status = target.receive(m);
  group.trace.note(group.nowUs, status, m.to, m.type, m);
  noteRefusals(group, m);
}

/** Whether the bytes of a snapshot arrived; its sender hears of it, or not. */
function isStreamed(group: RaftGroup, m: Message, target: RaftProcess): boolean {
  const { network, coverage } = group;
  const ok = target.node !== null && !network.isCut(m.from, m.to) && !network.breaksSnapshot();
  coverage.hit(ok ? 'snapshot-delivered' : 'snapshot-interrupted');
  if (group.isHealing || network.chance(0.8)) {
    group.process(m.from)?.ask((node) => node.reportSnapshot(m.to, ok));
  } else {
    coverage.hit('snapshot-report-lost');
  }
  return ok;
}

function noteArrival(
  { coverage }: RaftGroup,
  { type, index }: Message,
  { disk, isLeader, node }: RaftProcess,
): void {
  if (node === null) return;
  if (type === MessageType.MsgApp && index < disk.storage.firstIndex() - 1) {
    coverage.hit('append-below-purge');
  }
  if (type === MessageType.MsgReadIndex && isLeader) coverage.hit('read-forwarded');
}

function noteRefusals({ coverage }: RaftGroup, { type, reject }: Message): void {
  if (!reject) return;
  if (type === MessageType.MsgVoteResp) coverage.hit('vote-refused-stale-log');
  if (type === MessageType.MsgPreVoteResp) coverage.hit('pre-vote-refused');
}
