import type { SimRandom } from '@dougdb/ports/sim';
import {
  codes,
  DougError,
  fromWire,
  GetRequest,
  GetResponse,
  type OpId,
  PipeRequest,
  PipeResponse,
  type PipeResult,
} from '@dougdb/rpc-proto';
import type { SimCluster } from '../cluster.js';

const ATTEMPT_MS = 500;
const PAUSE_MS = 20;

export type SessionName = Pick<OpId, 'session' | 'startedAt'>;

/** Single calls as they are on the wire, to whoever is said to lead. */
export class RawCaller {
  readonly #cluster: SimCluster;
  readonly #random: SimRandom;
  readonly #name: string;
  #target: string;

  constructor(cluster: SimCluster, random: SimRandom, name: string) {
    this.#cluster = cluster;
    this.#random = random;
    this.#name = name;
    this.#target = random.pick(cluster.addresses);
  }

  get nowMs(): number {
    return this.#cluster.scheduler.nowMs;
  }

  /** @throws DougError */
  call(method: string, request: Uint8Array): Promise<Uint8Array> {
    const { network } = this.#cluster;
    return network.unary(
      this.#name,
      this.#target,
      `/dougdb.v1.Doug/${method}`,
      request,
      ATTEMPT_MS,
    );
  }

  /** Sends one encoded command on a stream of its own. @throws DougError also the one that is its answer */
  async pipe(command: Uint8Array): Promise<PipeResult> {
    const items = [{ op: { $case: 'command' as const, value: command } }];
    const request = PipeRequest.encode(PipeRequest.fromPartial({ firstId: 1, items })).finish();
    const response = await new Promise<Uint8Array>((resolve, reject) => {
      const link = this.#cluster.network.open('pipe', this.#name, this.#target, {
        opened: () => link.send(request),
        received: (bytes) => {
          resolve(bytes);
          link.close();
        },
        closed: reject,
      });
      this.#cluster.sleep(ATTEMPT_MS).then(() => {
        link.close();
        reject(new DougError('IN_DOUBT', 'no answer in time'));
      }, reject);
    });
    const [result] = PipeResponse.decode(response).results;
    if (result?.result?.$case === 'error') throw fromWire(result.result.value);
    if (result === undefined) throw new DougError('IN_DOUBT', 'an answer without a result');
    return result;
  }

  /** Somebody else from now on. */
  wander(): void {
    this.#target = this.#random.pick(this.#cluster.addresses);
  }

  /** Whom to ask next. @throws what a healthy cluster never answers, even while parts of it are broken */
  follow(error: unknown): void {
    const { route } = expected(error);
    const leader = route?.nodes.find((node) => node.nodeId === route.leaderNodeId);
    this.#target = leader?.address ?? this.#random.pick(this.#cluster.addresses);
  }

  pause(ms = PAUSE_MS): Promise<void> {
    return this.#cluster.sleep(ms);
  }

  /** A session begins at a log time that the partition of the key tells. @throws DougError in the end */
  async newSession(key: string, patienceMs: number): Promise<SessionName> {
    const endMs = this.nowMs + patienceMs;
    for (;;) {
      try {
        const get = GetRequest.encode(GetRequest.fromPartial({ key: encoder.encode(key) }));
        const { header } = GetResponse.decode(await this.call('Get', get.finish()));
        return { session: this.#random.bytes(16), startedAt: header?.logTime ?? 0 };
      } catch (error) {
        if (this.nowMs >= endMs) throw new DougError('NO_LEADER', expected(error).message);
        this.follow(error);
        await this.pause();
      }
    }
  }
}

/** An error that a healthy cluster gives while it is broken. @throws any other, which ends the run */
export function expected(error: unknown): DougError {
  if (!DougError.is(error)) throw error;
  if (codes[error.reason].retry !== 'no' || error.reason === 'DEADLINE') return error;
  throw new Error(`an answer that nobody should get: ${error.reason}`, { cause: error });
}

const encoder = new TextEncoder();
