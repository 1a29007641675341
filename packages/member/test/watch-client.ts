import {
  WatchCreate,
  type WatchEvent,
  WatchEventType,
  WatchRequest,
  type WatchResponse,
  WatchResponse as WatchResponses,
} from '@dougdb/rpc-proto';
import type { WatchSession } from '../src/index.js';
import { text } from './requests.js';
import type { TestNode } from './test-cluster.js';

/** A client with one stream of watches to a node. */
export class WatchClient {
  readonly answers: WatchResponse[] = [];
  readonly failures: unknown[] = [];
  /** Bytes that its connection has not taken; they grow while it does not read. */
  queuedBytes = 0;
  isReading = true;
  readonly session: WatchSession;

  constructor(node: TestNode) {
    const client = this;
    this.session = node.member.openWatches({
      send: (response) => client.#take(response),
      fail: (error) => client.failures.push(error),
      get queuedBytes() {
        return client.queuedBytes;
      },
    });
  }

  create(watchId: number, more: Partial<WatchCreate> = {}): void {
    const create = WatchCreate.fromPartial({ watchId, ...more });
    this.#ask({ $case: 'create', value: create });
  }

  credit(watchId: number, sizeBytes: number): void {
    this.#ask({ $case: 'credit', value: { watchId, bytes: sizeBytes } });
  }

  cancel(watchId: number): void {
    this.#ask({ $case: 'cancel', value: { watchId } });
  }

  readOn(): void {
    this.isReading = true;
    this.queuedBytes = 0;
    this.session.drained();
  }

  of(watchId: number): WatchResponse[] {
    return this.answers.filter((answer) => answer.watchId === watchId);
  }

  /** 'a=1@3', 'a@4' of a delete, with ' was 1@3' where it is told. */
  events(watchId: number): string[] {
    return this.of(watchId).flatMap(({ events }) => events.map(brief));
  }

  /** Of the last answer of a watch. */
  token(watchId: number): Uint8Array {
    return this.of(watchId).at(-1)?.token ?? new Uint8Array(0);
  }

  /** Code of the error that ended a watch; 0: none has. */
  code(watchId: number): number {
    return this.of(watchId).at(-1)?.error?.code ?? 0;
  }

  #take(response: Uint8Array): void {
    this.answers.push(WatchResponses.decode(response));
    if (!this.isReading) this.queuedBytes += response.length;
  }

  #ask(request: WatchRequest['request']): void {
    const bytes = WatchRequest.encode({ request }).finish();
    this.session.received(bytes);
    // The buffer is the stream's.
    bytes.fill(0xff);
  }
}

function brief({ type, kv, previous }: WatchEvent): string {
  const isPut = type === WatchEventType.WATCH_EVENT_TYPE_PUT;
  const now = `${text(kv?.key)}${isPut ? `=${text(kv?.value)}` : ''}@${kv?.revision}`;
  return previous === undefined ? now : `${now} was ${text(previous.value)}@${previous.revision}`;
}
