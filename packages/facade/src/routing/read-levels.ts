import { Consistency } from '@dougdb/rpc-proto';

/** Levels of reads for which nobody need be the leader: each replica knows by itself whether it may serve them. */
const anyReplica: ReadonlySet<Consistency> = new Set([
  Consistency.CONSISTENCY_EVENTUAL,
  Consistency.CONSISTENCY_BOUNDED,
  Consistency.CONSISTENCY_AT_REVISION,
]);

/** Whether any replica may serve a read of this level; else it goes to the leader. */
export function mayBeAnyReplica(consistency: Consistency): boolean {
  return anyReplica.has(consistency);
}
