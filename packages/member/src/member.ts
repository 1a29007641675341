import type {
  CallContext,
  IncomingLink,
  MemberOptions,
  PipeOutput,
  PipeSession,
  ScanOutput,
  UnaryMethod,
} from './contract.js';

/** A whole member without sockets: one node's identity, WAL, replicas and request handlers. */
export class Member {
  /**
   * Takes the data directory (lock, identity, checks), opens WAL and hard states, and begins genesis,
   * join or recovery, which go on in the background.
   * @throws MemberError with `exitCode` 2 (usage) or 3 (data dir refused: locked, foreign, newer, corrupt with file and offset)
   */
  static open(_options: MemberOptions): Promise<Member> {
    throw new Error('being written');
  }

  /** Resolves when this member is part of a cluster and its replicas have replayed their logs. */
  whenJoined(): Promise<void> {
    throw new Error('being written');
  }

  /** Null when ready; otherwise why /readyz says no. */
  notReadyReason(): string | null {
    throw new Error('being written');
  }

  /** Answers one unary call; request and response are encoded messages. Rejects with a DougError only. */
  unary(_method: UnaryMethod, _request: Uint8Array, _context: CallContext): Promise<Uint8Array> {
    throw new Error('being written');
  }

  /** Serves dougdb.v1.Doug/Scan. Rejects with a DougError only. */
  scan(_request: Uint8Array, _context: CallContext, _output: ScanOutput): Promise<void> {
    throw new Error('being written');
  }

  openPipe(_output: PipeOutput): PipeSession {
    throw new Error('being written');
  }

  /** A peer opened a stream of the Raft service. `reply` takes encoded MessagesResponse; `end` closes it with an error. */
  acceptLink(_reply: (response: Uint8Array) => void, _end: (error: unknown) => void): IncomingLink {
    throw new Error('being written');
  }

  /** Refuses new work, hands leadership over, waits for what is in flight, at most timeoutMs. */
  drain(_timeoutMs: number): Promise<void> {
    throw new Error('being written');
  }

  /** Stops everything and releases the data directory. */
  close(): Promise<void> {
    throw new Error('being written');
  }
}
