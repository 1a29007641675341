import type { CodeName } from '@dougdb/rpc-proto';

const tryAgain = 'try again; --timeout gives it more time';
const readIt = 'see whether it took effect before you do it again (doug get, doug partition list)';
const whoIsUp = "'doug status' shows which members answer; most of them must be up";
const askAdmin = 'ask whoever runs the cluster for the permission';

/** What to do about an error, by its code; null: the message says it all. */
export const hints: Readonly<Record<CodeName, string | null>> = {
  INVALID_ARGUMENT: null,
  TOO_LARGE: 'split it: keys take 8 KiB, values 1 MiB, whole requests 4 MiB',
  NOT_LEADER: tryAgain,
  EPOCH_MISMATCH: tryAgain,
  NO_LEADER: whoIsUp,
  DRAINING: tryAgain,
  STARTING: tryAgain,
  BUSY: 'the cluster has more work than it takes: try again later',
  NO_SPACE: 'free space on the disks of the members, or delete keys',
  DEADLINE: `${whoIsUp}; --timeout gives it more time`,
  IN_DOUBT: readIt,
  COMPARE_FAILED: null,
  CROSS_PARTITION: 'only keys of one partition can change together: see doug partition list',
  SESSION_EXPIRED: readIt,
  RESULT_NOT_KEPT: null,
  COMPACTED: 'that revision is no longer kept: read the newest',
  FUTURE_REVISION: 'that revision is yet to come: read the newest',
  LAGGING: 'start again from the token',
  UNIMPLEMENTED:
    "is the node as new as this doug? Compare 'doug --version' and 'doug status -o json'",
  DECODE: null,
  CLUSTER_MISMATCH: 'name nodes of one cluster only, with --endpoint or DOUG_ENDPOINTS',
  CORRUPT: 'the replicas of other members may be whole: --consistency eventual may read them',
  UNAUTHENTICATED: askAdmin,
  PERMISSION_DENIED: askAdmin,
  ABORTED: null,
  CLOSED: null,
  INTERNAL: 'the log of the node may say more',
};
