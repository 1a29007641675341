import {
  compareEnds,
  compareKeys,
  mayBeAnyReplica,
  type PipeConnection,
  type PipeEvents,
} from '@dougdb/facade';
import {
  CommandView,
  Consistency,
  codes,
  DougError,
  forEachRange,
  LINEARIZABLE,
  type NodeDescriptor,
  PipeResponseWriter,
  type ReadLevel,
  type ResponseHeader,
  type RouteHint,
  readCommand,
  readPipeRequest,
  SESSION_BYTES,
  toWire,
} from '@dougdb/rpc-proto';
import { headerOf, routeOf } from './fake-answers.js';
import type { FakeCluster, FakeVerdict } from './fake-cluster.js';
import type { FakeCommand, FakePartition, FakeResult } from './fake-partition.js';
import { readRefusal } from './fake-reads.js';

/** One stream to a node or facade of a {@link FakeCluster}. */
export class FakePipe implements PipeConnection {
  readonly address: string;
  readonly #cluster: FakeCluster;
  readonly #events: PipeEvents;
  readonly #view = new CommandView();
  #writer = new PipeResponseWriter();
  #isOpen = true;
  #isConnected = false;

  constructor(cluster: FakeCluster, address: string, events: PipeEvents) {
    this.#cluster = cluster;
    this.address = address;
    this.#events = events;
  }

  connected(): void {
    if (!this.#isOpen || this.#cluster.isFrozen(this.address)) return;
    if (this.#cluster.isDown(this.address)) {
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
    this.#cluster.afterLatency(this.address, () => {
      if (this.#isOpen && !this.#cluster.isFrozen(this.address)) this.#arrive(copy);
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
    const cluster = this.#cluster;
    const message = cluster.messages++;
    this.#writer = new PipeResponseWriter();
    readPipeRequest(request, {
      begin: () => {},
      item: (
        id,
        timeoutMs,
        partitionId,
        epochVersion,
        resend,
        op,
        start,
        end,
        consistency,
        argument,
      ) => {
        if (broken) return;
        const command = op === 'get' ? null : this.#command(request, start, end);
        const key = command === null ? request.slice(start, end) : command.key;
        const level = { consistency, argument };
        const named = { partitionId, epochVersion };
        const serving = this.#serving(key, named, command, level);
        const verdict = cluster.judge({
          kind: command === null ? 'get' : command.kind,
          key: new TextDecoder().decode(key),
          node:
            'node' in serving ? serving.node.nodeId : (cluster.nodeAt(this.address)?.nodeId ?? 0),
          address: this.address,
          resend,
          timeoutMs,
          message,
          ordinal: cluster.arrived++,
        });
        broken = verdict === 'break' || verdict === 'serve-and-break';
        if (verdict === 'break' || verdict === 'swallow') return;
        if (typeof verdict === 'object') {
          const { refuse, retryAfterMs } = verdict;
          this.#fail(id, new DougError(refuse, 'as told', { retryAfterMs, ...this.#hint(key) }));
        } else if ('refusal' in serving) {
          const { reason, message: told } = serving.refusal;
          this.#fail(id, new DougError(reason, told, this.#hint(key)));
        } else if (command === null) {
          this.#get(id, serving, key, level);
        } else {
          this.#write(id, serving, command, verdict, resend);
        }
      },
      invalid: (id, error) => this.#fail(id, error),
      cancel: () => {
        cluster.cancelled++;
      },
    });
    if (broken) {
      this.break();
      return;
    }
    const response = this.#writer.finish();
    if (response.length === 0) return;
    cluster.afterLatency(this.address, () => {
      if (this.#isOpen && !cluster.isFrozen(this.address)) this.#events.received(response);
    });
  }

  #serving(
    key: Uint8Array,
    named: { readonly partitionId: number; readonly epochVersion: number },
    command: FakeCommand | null,
    level: ReadLevel,
  ): Serving | { readonly refusal: DougError } {
    try {
      const isAny = command === null && mayBeAnyReplica(level.consistency);
      const serving = this.#cluster.serving(this.address, key, named, isAny);
      const refusal =
        command === null ? readRefusal(serving.partition, level) : crossing(command, serving);
      return refusal === null ? serving : { refusal };
    } catch (error) {
      return { refusal: DougError.from(error) };
    }
  }

  #get(id: number, { partition, node }: Serving, key: Uint8Array, level: ReadLevel): void {
    const { consistency, argument } = level;
    const header = headerOf(this.#cluster, partition, node.nodeId, consistency);
    partition.expire(this.#cluster.logTime);
    const isAt = consistency === Consistency.CONSISTENCY_AT_REVISION;
    const hit = partition.get(key, isAt ? argument : undefined);
    if (hit === undefined) {
      this.#writer.addGetMissing(id, header);
    } else {
      const { value, revision, expiresAt } = hit;
      this.#writer.addGet(id, header, value, 0, value.length, revision, expiresAt);
    }
  }

  #write(
    id: number,
    { partition, node }: Serving,
    command: FakeCommand,
    verdict: FakeVerdict,
    resend: boolean,
  ): void {
    const cluster = this.#cluster;
    if (verdict === 'doubt' || verdict === 'doubt-and-serve-later') {
      this.#fail(id, new DougError('IN_DOUBT', 'nobody knows'));
      if (verdict === 'doubt') return;
    }
    const again = (): void => {
      cluster.partitionOf(command.key).apply(command, cluster.logTime);
    };
    if (verdict === 'doubt-and-serve-later') {
      cluster.late(again);
      return;
    }
    if (verdict === 'serve-twice') cluster.late(again);
    const outcome = partition.apply(command, cluster.logTime);
    if ('refused' in outcome) {
      const isSessions = outcome.refused === 'SESSION_EXPIRED';
      const isUnknown = isSessions && (resend || command.firstIncomplete > command.seq);
      this.#fail(
        id,
        new DougError(outcome.refused, 'refused by the state machine', {
          outcome: isUnknown ? 'UNKNOWN' : 'NOT_APPLIED',
          route: routeOf(cluster, partition),
        }),
      );
      return;
    }
    this.#answer(
      id,
      headerOf(cluster, partition, node.nodeId, LINEARIZABLE.consistency),
      command,
      outcome,
    );
  }

  #answer(id: number, header: ResponseHeader, command: FakeCommand, result: FakeResult): void {
    const { revision, resultKept } = result;
    if (looks(command) || command.body !== null) {
      this.#writer.addLookedWrite(id, header, { ...result, resultNotKept: !resultKept });
    } else {
      this.#writer.addWrite(id, header, revision, !resultKept);
    }
  }

  #fail(id: number, error: DougError): void {
    const outcome = codes[error.reason].wire === null ? 'UNKNOWN' : error.outcome;
    const { route, retryAfterMs } = error;
    const told = new DougError(error.reason, error.message, { outcome, route, retryAfterMs });
    this.#writer.addError(id, null, toWire(told));
  }

  #hint(key: Uint8Array): { route: RouteHint } {
    return { route: routeOf(this.#cluster, this.#cluster.partitionOf(key)) };
  }

  #command(bytes: Uint8Array, start: number, end: number): FakeCommand {
    const view = this.#view;
    readCommand(bytes, start, end, view);
    const { kind, ifRevision, ifAbsent, returnPrevious, returnExisted } = view;
    const { startedAt, seq, firstIncomplete } = view;
    const session = bytes.subarray(view.sessionStart, view.sessionStart + SESSION_BYTES);
    if (kind === 'expire' || kind === 'compact') throw new DougError('UNIMPLEMENTED', kind);
    return {
      kind,
      key: new Uint8Array(view.body?.firstKey ?? bytes.subarray(view.keyStart, view.keyEnd)),
      value: bytes.slice(view.valueStart, view.valueEnd),
      ttlMs: view.ttlMs,
      body: view.body,
      ifRevision,
      ifAbsent,
      returnPrevious,
      returnExisted,
      session: Array.from(session, (byte) => byte.toString(16)).join(','),
      startedAt,
      seq,
      firstIncomplete,
    };
  }
}

/** What serves an item. */
interface Serving {
  readonly partition: FakePartition;
  readonly node: NodeDescriptor;
}

/** Why a command is not for the partition of its first key. */
function crossing({ body }: FakeCommand, { partition }: Serving): DougError | null {
  let error: DougError | null = null;
  if (body === null) return null;
  forEachRange(body, (start, end) => {
    const isInside =
      end === null
        ? partition.holds(start)
        : compareKeys(partition.start, start) <= 0 && compareEnds(end, partition.end) <= 0;
    if (!isInside) error = new DougError('CROSS_PARTITION', 'not all of it is in this partition');
  });
  return error;
}

function looks(command: FakeCommand): boolean {
  const { ifRevision, ifAbsent, returnPrevious, returnExisted } = command;
  return ifRevision > 0 || ifAbsent || returnPrevious || returnExisted;
}
