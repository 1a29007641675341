import { DougError } from './doug-error.js';

const KIB = 1024;
const MIB = 1024 * KIB;

/**
 * Every bound of the protocol and of the queues behind it, in one table. The unit stands in the name:
 * Bytes, or a count of what is named. Clients read the first three from `Status` and `Describe`.
 */
export interface LimitTable {
  // What a request may contain.
  /** Longest key. */
  readonly keyBytes: number;
  /** Longest value. */
  readonly valueBytes: number;
  /** Longest message of a client, and of an answer to one. */
  readonly requestBytes: number;
  /** Keys that one command may touch. */
  readonly commandKeys: number;
  /** Operations of one transaction. */
  readonly txnOps: number;

  // How requests become entries and travel between members.
  /** Room for what is put around a request on its way (entry header, Raft message, stream framing). */
  readonly envelopeBytes: number;
  /** A Raft entry takes no further command at this size; one larger command still makes an entry. */
  readonly entryBytes: number;
  /** A Raft entry takes no further command at this count. */
  readonly entryCommands: number;
  /** Largest entry or message that a member takes from a peer. */
  readonly peerEntryBytes: number;
  /** Largest entry that the write-ahead log takes. */
  readonly walEntryBytes: number;

  // Answers.
  /** A chunk of a scan takes no further pair at this size. */
  readonly scanChunkBytes: number;
  /** Scans that are open on one member: each holds an iterator, and so files, and a chunk. */
  readonly openScans: number;

  // The Pipe stream.
  /** A batch leaves at this many items ... */
  readonly pipeBatchItems: number;
  /** ... or this many bytes. */
  readonly pipeBatchBytes: number;
  /** Items of one Pipe that are not answered yet; also the most items in one message. */
  readonly pipeWindowItems: number;

  // Sessions (exactly once).
  /** Seqs of a session that are not finished for the client. */
  readonly sessionOpenSeqs: number;
  /** Largest result that is kept for a resend. */
  readonly sessionResultBytes: number;
  /** Size of a partition's session table above which results are no longer kept. */
  readonly sessionTableBytes: number;

  // Queues: when one is full, the newcomer is refused (BUSY) or, between members, dropped.
  /** Client ops admitted by one member and not answered. */
  readonly admittedOps: number;
  readonly admittedBytes: number;
  /** Entries of one partition that are proposed and not applied. */
  readonly uncommittedEntries: number;
  readonly uncommittedBytes: number;
  /** Reads of one partition that wait for a read index. */
  readonly waitingReads: number;
  /** Answers that wait for one slow connection. */
  readonly answerQueueBytes: number;
  /** Watches of clients on one member. */
  readonly watches: number;
  /** What watches have sent to one slow connection: nothing more is sent meanwhile. */
  readonly watchQueueBytes: number;
  /** Items that wait in a facade for one node. */
  readonly forwardQueueItems: number;
  /** Requests of clients that a facade holds because items of theirs wait for one node. */
  readonly forwardQueueBytes: number;
  /** Messages to one peer on the control channel (heartbeats, votes, acknowledgements). */
  readonly peerControlMessages: number;
  readonly peerControlBytes: number;
  /** Messages to one peer on the data channel (appends). */
  readonly peerDataMessages: number;
  readonly peerDataBytes: number;
  /** Streams and calls at the same time on one connection. */
  readonly connectionStreams: number;
}

/** The limits that hold unless a member is told otherwise. */
export const limits: LimitTable = Object.freeze({
  keyBytes: 8 * KIB,
  valueBytes: MIB,
  requestBytes: 4 * MIB,
  commandKeys: 1024,
  txnOps: 128,

  envelopeBytes: 64 * KIB,
  entryBytes: 256 * KIB,
  entryCommands: 1024,
  peerEntryBytes: 16 * MIB,
  walEntryBytes: 64 * MIB,

  scanChunkBytes: MIB,
  openScans: 128,

  pipeBatchItems: 256,
  pipeBatchBytes: 256 * KIB,
  pipeWindowItems: 4096,

  sessionOpenSeqs: 1024,
  sessionResultBytes: 4 * KIB,
  sessionTableBytes: 3 * MIB,

  admittedOps: 65_536,
  admittedBytes: 32 * MIB,
  uncommittedEntries: 4096,
  uncommittedBytes: 16 * MIB,
  waitingReads: 16_384,
  answerQueueBytes: 8 * MIB,
  watches: 10_000,
  watchQueueBytes: MIB,
  forwardQueueItems: 8192,
  forwardQueueBytes: 8 * MIB,
  peerControlMessages: 4096,
  peerControlBytes: 4 * MIB,
  peerDataMessages: 1024,
  peerDataBytes: 32 * MIB,
  connectionStreams: 250,
});

/**
 * Longest that an item of a Pipe waits where it is served, and how long it waits when it does not say, in
 * milliseconds. Not a setting: a client must know it to tell a server's limit from its caller's time.
 */
export const PIPE_ITEM_TIMEOUT_MS = 30_000;

/** Longest life of a key with a time to live, in milliseconds: 20 years. Log time must not run over. */
export const MAX_TTL_MS = 20 * 365 * 24 * 3600 * 1000;

/**
 * Checks that what is accepted at one hop fits through all later ones: what a client may send fits
 * into an entry, an entry into a peer's message, that into the log. Called once at start.
 * @throws DougError INVALID_ARGUMENT that names the two limits
 */
export function assertLimits(table: LimitTable): void {
  for (const [name, value] of Object.entries(table)) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new DougError(
        'INVALID_ARGUMENT',
        `limit ${name} is ${value}: must be an integer of at least 1`,
      );
    }
  }
  const pair = table.keyBytes + table.valueBytes;
  // What a client may send must fit through every later hop: else an accepted write cannot be replicated.
  below(
    'requestBytes + envelopeBytes',
    table.requestBytes + table.envelopeBytes,
    'peerEntryBytes',
    table.peerEntryBytes,
  );
  below('peerEntryBytes', table.peerEntryBytes, 'walEntryBytes', table.walEntryBytes);
  below(
    'keyBytes + valueBytes + envelopeBytes',
    pair + table.envelopeBytes,
    'requestBytes',
    table.requestBytes,
  );
  below('entryBytes', table.entryBytes, 'peerEntryBytes', table.peerEntryBytes);
  // The last item or pair may begin just below the mark.
  below(
    'pipeBatchBytes + the largest item',
    table.pipeBatchBytes + pair + table.envelopeBytes,
    'requestBytes',
    table.requestBytes,
  );
  below(
    'scanChunkBytes + the largest pair',
    table.scanChunkBytes + pair + table.envelopeBytes,
    'requestBytes',
    table.requestBytes,
  );
  // A queue that cannot take the largest single thing would never drain.
  below('requestBytes', table.requestBytes, 'admittedBytes', table.admittedBytes);
  below('requestBytes', table.requestBytes, 'uncommittedBytes', table.uncommittedBytes);
  below('requestBytes', table.requestBytes, 'answerQueueBytes', table.answerQueueBytes);
  below('requestBytes', table.requestBytes, 'forwardQueueBytes', table.forwardQueueBytes);
  below('pipeWindowItems', table.pipeWindowItems, 'forwardQueueItems', table.forwardQueueItems);
  below('peerEntryBytes', table.peerEntryBytes, 'peerDataBytes', table.peerDataBytes);
  below('pipeBatchItems - 1', table.pipeBatchItems - 1, 'pipeWindowItems', table.pipeWindowItems);
  below(
    'sessionResultBytes',
    table.sessionResultBytes,
    'sessionTableBytes',
    table.sessionTableBytes,
  );
}

function below(smallName: string, small: number, largeName: string, large: number): void {
  if (small < large) return;
  throw new DougError(
    'INVALID_ARGUMENT',
    `limit ${smallName} (${small}) must be below ${largeName} (${large})`,
  );
}
