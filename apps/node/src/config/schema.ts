import { fields } from '@dougdb/host';
import { z } from 'zod';

const MIB = 1 << 20;
const GIB_IN_MIB = 1024;
const LONGEST_HISTORY_SECONDS = 366 * 86_400;

const { list, listenAddress, logLevel, peerAddress, seconds, wholeNumber, yesOrNo } = fields;

const notYet = (what: string) =>
  list(z.string()).refine((given) => given.length === 0, `${what} is not served yet`);

/** Keys as text, with commas between them in flags and in the environment. Every other character counts. */
const keys = z.preprocess(
  (value) => (typeof value === 'string' ? value.split(',') : value),
  z.array(z.string().min(1, 'a key is empty')),
);

/**
 * Every setting of a member: the one place for names, checks, defaults and help. A flag is the name in
 * kebab case (`--data-dir`), a variable of the environment in capitals (`DOUG_NODE_DATA_DIR`), a key
 * of the config file the name itself.
 */
export const nodeSchema = z.strictObject({
  name: z.string().min(1).max(64).default('n1').describe('what this member is called in its logs'),
  dataDir: z
    .string()
    .min(1)
    .default('./doug-data')
    .describe('directory of everything durable; made if missing'),
  listen: listenAddress
    .default('127.0.0.1:4400')
    .describe('address of the gRPC server; port 0 takes a free one'),
  advertise: peerAddress
    .optional()
    .describe(
      'address that members and clients reach this one by (default: the one it listens on)',
    ),
  join: list(peerAddress)
    .default([])
    .describe('addresses of all first members, the same on every host (default: a cluster of one)'),
  splitAt: keys
    .default([])
    .describe(
      'keys at which the cluster is cut into partitions when it is made, ascending, the same on every host (default: one partition)',
    ),
  replicationFactor: wholeNumber
    .refine((factor) => factor >= 1 && factor % 2 === 1, 'must be odd')
    .default(5)
    .describe('voters of a partition, fixed when the cluster is made'),
  leaseReads: yesOrNo
    .default(false)
    .describe(
      'let leaders serve reads of level lease without asking a quorum, which rests on clocks that run; fixed when the cluster is made, the same on every host',
    ),
  history: seconds
    .refine((span) => span <= LONGEST_HISTORY_SECONDS, 'must be a year at most')
    .default(600)
    .describe(
      'how long old versions of keys can be read, in seconds or as 30s, 10m, 2h, 7d; a partition goes by the setting of its leader',
    ),
  admin: listenAddress
    .default('127.0.0.1:4480')
    .describe('address of /livez, /readyz and /metrics; port 0 takes a free one'),
  locality: notYet('locality').default([]).describe('not served yet'),
  memory: wholeNumber
    .refine((mib) => mib >= 32 && mib <= 64 * GIB_IN_MIB, 'must be 32 to 65536')
    .default(256)
    .describe('MiB for memtables, block cache and queues'),
  tableThreads: wholeNumber
    .refine((threads) => threads >= 0 && threads <= 2, 'must be 0 to 2')
    .default(2)
    .describe('threads that write tables: 2, or 1; 0 writes them in slices on the event loop'),
  logLevel: logLevel.default('info').describe('least level of the log lines on stderr'),
  insecure: yesOrNo
    .default(false)
    .describe('allow addresses that are not loopback: there is no TLS and no authentication yet'),
});

/** The resolved settings of one member. */
export type NodeConfig = Readonly<z.infer<typeof nodeSchema>>;
export type NodeSetting = keyof typeof nodeSchema.shape;

/** What `--memory` is divided into. */
export interface MemoryPlan {
  readonly memtableBytes: number;
  readonly memtableBudgetBytes: number;
  readonly blockCacheBytes: number;
  readonly walSegmentBytes: number;
}

/** A quarter for memtables of all partitions, three eighths for blocks, the rest for queues. */
export function memoryPlan(memoryMib: number): MemoryPlan {
  return {
    memtableBytes: (memoryMib * MIB) / 16,
    memtableBudgetBytes: (memoryMib * MIB) / 4,
    blockCacheBytes: (memoryMib * MIB * 3) / 8,
    walSegmentBytes: memoryMib >= 256 ? 64 * MIB : 16 * MIB,
  };
}
