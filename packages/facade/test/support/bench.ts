import { silentMetrics } from '@dougdb/ports';
import { SimRandom, SimScheduler } from '@dougdb/ports/sim';
import {
  type CodeName,
  Consistency,
  codeFromWire,
  type DougError,
  encodeDelete,
  encodePut,
  limits,
  Outcome,
  PipeRequestWriter,
  PipeResponse,
} from '@dougdb/rpc-proto';
import { Admission } from '../../src/forward/admission.js';
import { ClientPipe } from '../../src/forward/client-pipe.js';
import { Forwarder } from '../../src/forward/forwarder.js';
import { forwardTelemetry } from '../../src/forward/telemetry.js';
import { defaultBackoff, Router } from '../../src/index.js';
import { clusterId, FakeNodes, type FakePartition } from './fake-nodes.js';

/** What a client was told about an item. */
export interface Answer {
  readonly id: number;
  readonly kind: 'write' | 'get' | 'error';
  readonly code: CodeName | 'OK';
  readonly outcome: 'NOT_APPLIED' | 'UNKNOWN' | '';
  readonly revision: number;
  /** Of a get; null: not there. */
  readonly value: string | null;
  readonly headerPartition: number;
}

export type Build = (writer: PipeRequestWriter) => void;

/** A client of the forwarder. */
export class BenchClient {
  readonly answers: Answer[] = [];
  readonly responses: PipeResponse[] = [];
  readonly failures: DougError[] = [];
  readonly pipe: ClientPipe;
  queuedBytes = 0;
  drained = 0;
  #nextId = 1;

  constructor(bench: Bench) {
    const client = this;
    this.pipe = new ClientPipe(bench.pipeContext, {
      send: (bytes) => {
        const response = PipeResponse.decode(bytes);
        client.responses.push(response);
        for (const { id, header, result } of response.results) {
          client.answers.push(answerOf(id, response, header, result));
        }
      },
      drained: () => {
        client.drained++;
      },
      fail: (error) => client.failures.push(error as DougError),
      get queuedBytes() {
        return client.queuedBytes;
      },
    });
  }

  /** Sends a message. @returns the id of its first item */
  send(build: Build, firstId = this.#nextId, cluster: Uint8Array = clusterId): number {
    const writer = new PipeRequestWriter();
    writer.begin(firstId, cluster);
    build(writer);
    this.#nextId = Math.max(this.#nextId, firstId + writer.items);
    this.pipe.received(writer.finish());
    return firstId;
  }

  put(key: string, value = 'v', timeoutMs = 0): number {
    return this.send((w) => addPut(w, key, value, timeoutMs));
  }

  get(key: string, timeoutMs = 0): number {
    return this.send((w) => addGet(w, key, timeoutMs));
  }

  answer(id: number): Answer | undefined {
    return this.answers.find((answer) => answer.id === id);
  }
}

export function addPut(w: PipeRequestWriter, key: string, value = 'v', timeoutMs = 0): number {
  return w.addCommand(
    timeoutMs,
    0,
    0,
    false,
    encodePut(null, Buffer.from(key), Buffer.from(value)),
  );
}

export function addDelete(w: PipeRequestWriter, key: string): number {
  return w.addCommand(0, 0, 0, false, encodeDelete(null, Buffer.from(key)));
}

export function addGet(
  w: PipeRequestWriter,
  key: string,
  timeoutMs = 0,
  consistency: Consistency = Consistency.CONSISTENCY_UNSPECIFIED,
): number {
  return w.addGet(timeoutMs, 0, 0, false, consistency, Buffer.from(key));
}

export interface BenchOptions {
  readonly nodes?: number;
  readonly partitions?: readonly FakePartition[];
  readonly seed?: number;
  /** The map is known at the start. Default true. */
  readonly known?: boolean;
}

/** A forwarder between clients and nodes that tests decide about. */
export class Bench {
  readonly scheduler = new SimScheduler();
  /** The facade's own: what waits on it belongs to the facade. */
  readonly clock = this.scheduler.clock();
  readonly nodes: FakeNodes;
  readonly router: Router;
  readonly forwarder: Forwarder;
  readonly admission = new Admission(limits);
  readonly clients: BenchClient[] = [];
  readonly logTimes = new Map<number, number>();
  refusal: DougError | null = null;

  constructor(options: BenchOptions = {}) {
    this.nodes = new FakeNodes(this.scheduler, options.nodes, options.partitions);
    const ports = {
      transport: this.nodes,
      clock: this.clock,
      random: new SimRandom(options.seed ?? 1),
    };
    const settings = { endpoints: this.nodes.addresses, backoff: defaultBackoff, direct: true };
    this.router = new Router(ports, settings, {
      logTime: (partitionId, logTime) => this.#sawLogTime(partitionId, logTime),
      described: () => this.forwarder.leaveSilent(),
    });
    this.forwarder = new Forwarder({
      ...ports,
      router: this.router,
      telemetry: forwardTelemetry(silentMetrics),
      sawLogTime: (partitionId, logTime) => this.#sawLogTime(partitionId, logTime),
    });
    if (options.known !== false) this.learn();
  }

  get pipeContext() {
    return {
      clock: this.clock,
      admission: this.admission,
      forwarder: this.forwarder,
      refusal: () => this.refusal,
      onClosed: () => undefined,
    };
  }

  /** Tells the facade everything that nodes know, and what cluster it is. */
  async begin(): Promise<void> {
    await this.scheduler.runWhilePending(this.router.finder.connect(10_000, undefined));
  }

  #sawLogTime(partitionId: number, logTime: number): void {
    this.logTimes.set(partitionId, Math.max(logTime, this.logTimes.get(partitionId) ?? 0));
  }

  learn(): void {
    for (const partition of this.nodes.partitions)
      this.router.map.install(this.nodes.hint(partition));
  }

  client(): BenchClient {
    const client = new BenchClient(this);
    this.clients.push(client);
    return client;
  }

  /** Runs until everything is answered, or the time is up. */
  async settle(limitMs = 60_000): Promise<void> {
    const untilMs = this.scheduler.nowMs + limitMs;
    while (this.scheduler.nowMs < untilMs && this.openItems > 0) await this.scheduler.advance(5);
    await this.scheduler.advance(5);
  }

  get openItems(): number {
    return this.clients.reduce((sum, client) => sum + client.pipe.openItems, 0);
  }
}

function answerOf(
  id: number,
  response: PipeResponse,
  header: number,
  result: PipeResponse['results'][number]['result'],
): Answer {
  const headerPartition = response.headers[header]?.partitionId ?? 0;
  const base = { id, code: 'OK' as const, outcome: '' as const, revision: 0, value: null };
  switch (result?.$case) {
    case 'write':
      return { ...base, kind: 'write', revision: result.value.revision, headerPartition };
    case 'get': {
      const { found, value, revision } = result.value;
      const text = found ? Buffer.from(value).toString() : null;
      return { ...base, kind: 'get', value: text, revision, headerPartition };
    }
    case 'error':
      return {
        ...base,
        kind: 'error',
        code: codeFromWire(result.value.code) ?? 'INTERNAL',
        outcome: result.value.outcome === Outcome.OUTCOME_NOT_APPLIED ? 'NOT_APPLIED' : 'UNKNOWN',
        headerPartition,
      };
    default:
      throw new Error(`no result under id ${id}`);
  }
}
