import type { Clock, Random } from '@dougdb/ports';
import { DescribeRequest, DescribeResponse, DougError } from '@dougdb/rpc-proto';
import { type BackoffOptions, backoffMs } from '../backoff.js';
import { pause } from '../pause.js';
import type { NodeTransport } from '../transport.js';
import type { PartitionMap } from './partition-map.js';

const DESCRIBE = '/dougdb.v1.Routes/Describe';
/** A node that does not answer within this time is passed over. */
const askTimeoutMs = 1_000;
/** Nodes that are asked at the same time. */
const askedAtOnce = 3;

/** Whom to ask, and how patiently. */
export interface RouteFinderSettings {
  /** HOST:PORT of some nodes or facades. One that answers is enough. */
  readonly endpoints: readonly string[];
  readonly backoff: BackoffOptions;
  /** Talk to the nodes even if an endpoint is a facade. */
  readonly direct: boolean;
}

/** What the finder needs from its owner. */
export interface RouteFinderPorts {
  readonly transport: NodeTransport;
  readonly clock: Clock;
  readonly random: Random;
  readonly settings: RouteFinderSettings;
  readonly map: PartitionMap;
  /** Whether an address failed a moment ago. */
  readonly isShunned: (address: string) => boolean;
  /** Takes what an address said; called before the map is asked again. */
  readonly learn: (described: DescribeResponse, address: string) => void;
  /** Takes that an address has not answered. */
  readonly silent: (address: string) => void;
  /** Facades that can be used now. */
  readonly facades: () => readonly string[];
  /** Nodes that may be asked. */
  readonly nodes: () => readonly string[];
}

/**
 * Asks nodes where things are (Routes.Describe): once to begin with, and again whenever a key's
 * partition or its leader is not known.
 */
export class RouteFinder {
  readonly #ports: RouteFinderPorts;
  readonly #stop = new AbortController();
  #clusterId: Uint8Array = new Uint8Array(0);
  #turn = 0;
  #asking = false;
  /** Addresses whose answer is still awaited: they are not asked once more. */
  readonly #asked = new Set<string>();

  constructor(ports: RouteFinderPorts) {
    this.#ports = ports;
  }

  /** Empty until the first answer; the same from then on. */
  get clusterId(): Uint8Array {
    return this.#clusterId;
  }

  /** Facades that can be used now, the one that is used first; empty: the nodes are asked. */
  get facades(): readonly string[] {
    return this.#ports.facades();
  }

  /** Every address that may be asked, those of the nodes first. */
  get addresses(): string[] {
    const { nodes, settings } = this.#ports;
    return [...new Set([...nodes(), ...settings.endpoints])];
  }

  /**
   * Asks the endpoints, from any of them on, until one has described a partition. The rest of them are
   * asked in the background: what they are may matter.
   * @throws DougError DEADLINE with the last refusal as its cause; ABORTED
   */
  async connect(timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
    const { clock, random, settings, map } = this.#ports;
    const { backoff } = settings;
    const endpoints = turned(settings.endpoints, random);
    const untilMs = clock.monotonicMs() + timeoutMs;
    let last = new DougError('NO_LEADER', 'no endpoint was asked');
    for (let round = 1; ; round++) {
      for (let i = 0; i < endpoints.length; i += askedAtOnce) {
        if (signal?.aborted) throw abortedWhile(signal);
        const leftMs = untilMs - clock.monotonicMs();
        if (leftMs <= 0) break;
        const asked = endpoints.slice(i, i + askedAtOnce);
        const failure = await this.#ask(asked, Math.min(askTimeoutMs, leftMs), signal);
        if (failure === null && map.routes.length > 0) {
          for (const address of endpoints.slice(i + askedAtOnce)) void this.probe(address);
          return;
        }
        if (failure !== null) last = failure;
        else last = new DougError('STARTING', 'the cluster has no partition yet');
      }
      const pauseMs = backoffMs(round, random, backoff, last.retryAfterMs);
      if (clock.monotonicMs() + pauseMs >= untilMs) break;
      await pause(clock, pauseMs, signal);
    }
    if (signal?.aborted) throw abortedWhile(signal);
    throw new DougError(
      'DEADLINE',
      `no cluster at ${settings.endpoints.join(',')} within ${timeoutMs} ms; the last answer was ${last.code}: ${last.message}`,
      { outcome: 'NOT_APPLIED', cause: last },
    );
  }

  /**
   * Asks some nodes in the background; what they say reaches `learn`. While one question is open no
   * other is asked.
   * @param avoid - an address that had better not be asked
   */
  refresh(avoid = ''): void {
    if (this.#asking || this.#stop.signal.aborted) return;
    this.#asking = true;
    const done = (): void => {
      this.#asking = false;
    };
    this.#ask(this.#nextAddresses(avoid), askTimeoutMs, undefined).then(done, done);
  }

  /** Asks one address in the background. @returns whether it has described itself */
  async probe(address: string): Promise<boolean> {
    return (await this.#ask([address], askTimeoutMs, undefined)) === null;
  }

  /** Cancels what is being asked. */
  close(): void {
    this.#stop.abort();
  }

  /** @returns null when one has answered; else the last refusal */
  #ask(
    addresses: readonly string[],
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<DougError | null> {
    const cancel = signal ?? this.#stop.signal;
    return new Promise((resolve) => {
      let open = addresses.length;
      let last = new DougError('NO_LEADER', 'no address is known');
      if (open === 0) resolve(last);
      for (const address of addresses) {
        this.#describe(address, timeoutMs, cancel).then(
          () => resolve(null),
          (error: unknown) => {
            this.#ports.silent(address);
            last = DougError.from(error, 'NOT_APPLIED');
            if (--open === 0) resolve(last);
          },
        );
      }
    });
  }

  async #describe(address: string, timeoutMs: number, signal: AbortSignal): Promise<void> {
    const { learn } = this.#ports;
    const answer = await this.#call(address, timeoutMs, signal);
    const described = decodeDescribed(address, answer);
    if (this.#stop.signal.aborted) return;
    if (described.clusterId.length === 0) {
      throw new DougError('STARTING', `${address} is not part of a cluster yet`);
    }
    if (this.#clusterId.length === 0) {
      this.#clusterId = new Uint8Array(described.clusterId);
    } else if (!sameBytes(this.#clusterId, described.clusterId)) {
      throw new DougError('CLUSTER_MISMATCH', `${address} belongs to another cluster`);
    }
    learn(described, address);
  }

  async #call(address: string, timeoutMs: number, signal: AbortSignal): Promise<Uint8Array> {
    const request = DescribeRequest.encode({}).finish();
    this.#asked.add(address);
    try {
      return await this.#ports.transport.unary(address, DESCRIBE, request, timeoutMs, signal);
    } finally {
      this.#asked.delete(address);
    }
  }

  /** The next ones in turn, those that failed a moment ago last. */
  #nextAddresses(avoid: string): string[] {
    const all = this.addresses.filter((address) => address !== avoid && !this.#asked.has(address));
    const turned = all.map((_, i) => all[(i + this.#turn) % all.length] as string);
    this.#turn += askedAtOnce;
    const { isShunned } = this.#ports;
    const order = [
      ...turned.filter((address) => !isShunned(address)),
      ...turned.filter((address) => isShunned(address)),
    ];
    return order.slice(0, askedAtOnce);
  }
}

/** The same list from any of its members on, so that not everybody asks the first. */
function turned(endpoints: readonly string[], random: Random): readonly string[] {
  if (endpoints.length < 2) return endpoints;
  const from = Math.floor(random.next() * endpoints.length);
  return [...endpoints.slice(from), ...endpoints.slice(0, from)];
}

function decodeDescribed(address: string, answer: Uint8Array): DescribeResponse {
  try {
    return DescribeResponse.decode(answer);
  } catch (cause) {
    throw new DougError('INTERNAL', `${address} sent garbage`, { outcome: 'NOT_APPLIED', cause });
  }
}

function abortedWhile(signal: AbortSignal): DougError {
  return new DougError('ABORTED', 'aborted by the signal', {
    outcome: 'NOT_APPLIED',
    cause: signal.reason,
  });
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
