import type { LogIndex, ReplicaId, Term } from './ids.js';
import type { Message } from './message.js';
import type { StateType } from './ready.js';

/**
 * Steps of the protocol under the names that etcd's TLA+ model checks (state_trace.go), and 'Input'
 * for each call of a host.
 */
export type TraceName =
  | 'Input'
  | 'InitState'
  | 'BecomeCandidate'
  | 'BecomeFollower'
  | 'BecomeLeader'
  | 'Commit'
  | 'Replicate'
  | 'ChangeConf'
  | 'ApplyConfChange'
  | 'Ready'
  | 'SendAppendEntriesRequest'
  | 'ReceiveAppendEntriesRequest'
  | 'SendAppendEntriesResponse'
  | 'ReceiveAppendEntriesResponse'
  | 'SendRequestVoteRequest'
  | 'ReceiveRequestVoteRequest'
  | 'SendRequestVoteResponse'
  | 'ReceiveRequestVoteResponse'
  | 'SendSnapshot'
  | 'ReceiveSnapshot';

/** A call of a host, with what is needed to make it again. */
export interface TraceInput {
  readonly call: string;
  readonly args: readonly unknown[];
}

/** One event. The state is that after the event, but of 'Input' that before it. */
export interface TraceEvent {
  readonly name: TraceName;
  readonly nid: ReplicaId;
  readonly state: { readonly term: Term; readonly vote: ReplicaId; readonly commit: LogIndex };
  readonly role: StateType;
  /** Last index of the log. */
  readonly log: LogIndex;
  /** Voters of the incoming and of the outgoing half. */
  readonly conf: readonly [readonly ReplicaId[], readonly ReplicaId[]];
  readonly msg?: Message;
  readonly input?: TraceInput;
}

/** The event as one line of JSON; bytes are written as hexadecimal strings. */
export function traceLine(event: TraceEvent): string {
  return JSON.stringify({ tag: 'trace', event }, (_key, value: unknown) =>
    value instanceof Uint8Array ? { hex: toHex(value) } : value,
  );
}

/** What {@link traceLine} wrote. @throws SyntaxError for a line that is none */
export function parseTraceLine(line: string): TraceEvent {
  const parsed = JSON.parse(line, (_key, value: unknown) => {
    const isBytes = typeof value === 'object' && value !== null && 'hex' in value;
    return isBytes && typeof value.hex === 'string' ? fromHex(value.hex) : value;
  }) as { readonly event?: TraceEvent };
  if (parsed?.event === undefined) throw new SyntaxError('not a line of a trace');
  return parsed.event;
}

function toHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0');
  return text;
}

function fromHex(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length >> 1);
  for (let i = 0; i < bytes.length; i++)
    bytes[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}
