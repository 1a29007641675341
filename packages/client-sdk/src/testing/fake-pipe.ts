import type { PipeConnection, PipeEvents } from '@dougdb/facade';
import {
  CommandView,
  Consistency,
  codes,
  DougError,
  type NodeDescriptor,
  PipeResponseWriter,
  type RouteHint,
  readCommand,
  readPipeRequest,
  toWire,
} from '@dougdb/rpc-proto';
import type { FakeCluster, FakeVerdict } from './fake-cluster.js';
import type { FakeCommand, FakePartition } from './fake-partition.js';

/** One stream to a node of a {@link FakeCluster}. */
export class FakePipe implements PipeConnection {
  readonly nodeId: number;
  readonly #cluster: FakeCluster;
  readonly #events: PipeEvents;
  readonly #view = new CommandView();
  #writer = new PipeResponseWriter();
  #isOpen = true;
  #isConnected = false;

  constructor(cluster: FakeCluster, nodeId: number, events: PipeEvents) {
    this.#cluster = cluster;
    this.nodeId = nodeId;
    this.#events = events;
  }

  connected(): void {
    if (!this.#isOpen || this.#cluster.isFrozen(this.nodeId)) return;
    if (this.#cluster.isDown(this.nodeId)) {
      this.#end(new DougError('NO_LEADER', 'connection refused'));
      return;
    }
    this.#isConnected = true;
    this.#events.opened();
  }

  send(request: Uint8Array): boolean {
    if (!this.#isConnected) throw new Error('sent before the pipe was open');
    if (!this.#isOpen) throw new Error('sent after the pipe was closed');
    const copy = new Uint8Array(request);
    this.#cluster.afterLatency(() => {
      if (this.#isOpen && !this.#cluster.isFrozen(this.nodeId)) this.#arrive(copy);
    });
    return true;
  }

  close(): void {
    this.#isOpen = false;
    this.#cluster.ended(this);
  }

  break(): void {
    this.#end(new DougError('IN_DOUBT', 'the stream broke'));
  }

  #end(error: DougError): void {
    if (!this.#isOpen) return;
    this.close();
    this.#events.closed(error);
  }

  #arrive(request: Uint8Array): void {
    let broken = false;
    const message = this.#cluster.messages++;
    this.#writer = new PipeResponseWriter();
    readPipeRequest(request, {
      begin: () => {},
      item: (id, timeoutMs, partitionId, epochVersion, resend, op, start, end, consistency) => {
        if (broken) return;
        const isGet = op === 'get';
        const command = isGet ? null : this.#command(request, start, end);
        const key = command === null ? request.slice(start, end) : command.key;
        const verdict = this.#cluster.judge({
          kind: command === null ? 'get' : command.kind,
          key: new TextDecoder().decode(key),
          node: this.nodeId,
          resend,
          timeoutMs,
          message,
          ordinal: this.#cluster.arrived++,
        });
        broken = verdict === 'break' || verdict === 'serve-and-break';
        if (verdict === 'break' || verdict === 'swallow') return;
        if (typeof verdict === 'object') {
          const { refuse, retryAfterMs } = verdict;
          this.#fail(id, new DougError(refuse, 'as told', { retryAfterMs, ...this.#hint(key) }));
          return;
        }
        const partition = this.#cluster.partitions.find((one) => one.id === partitionId);
        const node = this.#cluster.nodes[this.nodeId - 1] as NodeDescriptor;
        const isEventual = consistency === Consistency.CONSISTENCY_EVENTUAL;
        const refusal = this.#cluster.refusal(partition, epochVersion, node, isEventual);
        if (partition === undefined || refusal !== null) {
          const route = this.#hint(key).route;
          const reason = refusal?.reason ?? 'EPOCH_MISMATCH';
          this.#fail(id, new DougError(reason, refusal?.message ?? '', { route }));
        } else if (command === null) {
          this.#get(id, partition, key, isEventual);
        } else {
          this.#write(id, partition, command, verdict, resend);
        }
      },
      invalid: (id, error) => this.#fail(id, error),
      cancel: () => {
        this.#cluster.cancelled++;
      },
    });
    if (broken) {
      this.break();
      return;
    }
    const response = this.#writer.finish();
    if (response.length === 0) return;
    this.#cluster.afterLatency(() => {
      if (this.#isOpen) this.#events.received(response);
    });
  }

  #get(id: number, partition: FakePartition, key: Uint8Array, isEventual: boolean): void {
    const header = this.#cluster.headerOf(partition, this.nodeId, isEventual);
    const hit = partition.get(key);
    if (hit === undefined) this.#writer.addGetMissing(id, header);
    else this.#writer.addGet(id, header, hit.value, 0, hit.value.length, hit.revision);
  }

  #write(
    id: number,
    partition: FakePartition,
    command: FakeCommand,
    verdict: FakeVerdict,
    resend: boolean,
  ): void {
    if (verdict === 'doubt' || verdict === 'doubt-and-serve-later') {
      this.#fail(id, new DougError('IN_DOUBT', 'nobody knows'));
      if (verdict === 'doubt') return;
    }
    const again = (): void => {
      this.#cluster
        .partitionOf(new TextDecoder().decode(command.key))
        .apply(command, this.#cluster.logTime);
    };
    if (verdict === 'doubt-and-serve-later') {
      this.#cluster.late(again);
      return;
    }
    if (verdict === 'serve-twice') this.#cluster.late(again);
    const outcome = partition.apply(command, this.#cluster.logTime);
    const header = this.#cluster.headerOf(partition, this.nodeId, false);
    if ('revision' in outcome) {
      this.#writer.addWrite(id, header, outcome.revision, false);
    } else {
      const isSessions = outcome.refused === 'SESSION_EXPIRED';
      const isUnknown = isSessions && (resend || command.firstIncomplete > command.seq);
      this.#fail(
        id,
        new DougError(outcome.refused, 'refused by the state machine', {
          outcome: isUnknown ? 'UNKNOWN' : 'NOT_APPLIED',
          route: this.#cluster.routeOf(partition),
        }),
      );
    }
  }

  #fail(id: number, error: DougError): void {
    const outcome = codes[error.reason].wire === null ? 'UNKNOWN' : error.outcome;
    const { route, retryAfterMs } = error;
    const told = new DougError(error.reason, error.message, { outcome, route, retryAfterMs });
    this.#writer.addError(id, null, toWire(told));
  }

  #hint(key: Uint8Array): { route: RouteHint } {
    const partition = this.#cluster.partitionOf(new TextDecoder().decode(key));
    return { route: this.#cluster.routeOf(partition) };
  }

  #command(bytes: Uint8Array, start: number, end: number): FakeCommand {
    const view = this.#view;
    readCommand(bytes, start, end, view);
    const session = bytes.subarray(view.sessionStart, view.sessionStart + 16);
    return {
      kind: view.kind,
      key: bytes.slice(view.keyStart, view.keyEnd),
      value: bytes.slice(view.valueStart, view.valueEnd),
      session: Array.from(session, (byte) => byte.toString(16)).join(','),
      startedAt: view.startedAt,
      seq: view.seq,
      firstIncomplete: view.firstIncomplete,
    };
  }
}
