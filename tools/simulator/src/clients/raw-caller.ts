import type { SimRandom } from '@dougdb/ports/sim';
import { codes, DougError, GetRequest, GetResponse, type OpId } from '@dougdb/rpc-proto';
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
