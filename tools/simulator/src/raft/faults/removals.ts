import { isJoint } from '@dougdb/raft-core';
import { isMemberOf } from '../members.js';
import type { RaftProcess } from '../process/raft-process.js';
import type { RaftGroup } from '../raft-group.js';

/**
 * Whether a replica that was removed may be taken away: when another one leads by the new configuration. Until
 * then somebody who does not know of the change may need its vote. One that never had a log is no member yet.
 */
export function mayGo({ leader, plan }: RaftGroup, process: RaftProcess): boolean {
  if (process.isDestroyed || process.disk.log.last === 0) return false;
  if (leader === null || isMemberOf(leader.conf, process.id)) return false;
  // One that does not step down leads on, and changes nothing any more, until it is taken away.
  if (leader === process) return plan.config.stepDownOnRemoval === false;
  return !isJoint(leader.conf);
}
