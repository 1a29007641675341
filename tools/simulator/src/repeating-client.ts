import type { SimRandom, SimScheduler } from '@dougdb/ports/sim';
import {
  codes,
  DeleteRequest,
  DeleteResponse,
  DougError,
  GetRequest,
  GetResponse,
  type OpId,
  PutRequest,
  PutResponse,
} from '@dougdb/rpc-proto';
import type { LookAnswer, LookingWrite } from './looking-write.js';
import type { SimNetwork } from './sim-network.js';

/** Longest that an op is sent again and again. */
const PATIENCE_MS = 5_000;
const ATTEMPT_MS = 500;
const PAUSE_MS = 20;

export interface RepeatingClientOptions {
  readonly scheduler: SimScheduler;
  readonly network: SimNetwork;
  readonly addresses: readonly string[];
  readonly random: SimRandom;
  readonly name: string;
}

interface Sent {
  readonly write: LookingWrite;
  readonly opId: OpId;
  readonly answer: LookAnswer;
}

/**
 * A client that does not trust exactly-once: it sends an op until it is answered, sometimes twice at a time,
 * and now and then once more after others have changed the key. Whatever it is answered for one op id must
 * always be the same; where it is not, `complaints` says so.
 */
export class RepeatingClient {
  readonly complaints: string[] = [];
  readonly #options: RepeatingClientOptions;
  readonly #answered: Sent[] = [];
  #session: Pick<OpId, 'session' | 'startedAt'> | null = null;
  #seq = 0;
  #target: string;

  constructor(options: RepeatingClientOptions) {
    this.#options = options;
    this.#target = options.random.pick(options.addresses);
  }

  /** @throws DougError with the outcome of all attempts */
  async write(write: LookingWrite): Promise<LookAnswer> {
    const { random } = this.#options;
    const session = await this.#openSession();
    const opId = { ...session, seq: ++this.#seq, firstIncomplete: 1 };
    const answer = await this.#untilAnswered(write, opId, random.chance(0.2) ? 2 : 1);
    this.#answered.push({ write, opId, answer });
    if (random.chance(0.3)) await this.#repeat(random.pick(this.#answered));
    return answer;
  }

  /** Sends an op again that was answered. */
  async #repeat({ write, opId, answer }: Sent): Promise<void> {
    try {
      this.#compare(write, opId, answer, await this.#send(write, opId));
    } catch (error) {
      const { reason } = expected(error);
      // Whatever else it is, the cluster is not there just now, and nothing is learnt.
      if (reason !== 'SESSION_EXPIRED') return;
      this.complaints.push(`${this.#options.name}, op ${opId.seq}: forgotten within ten minutes`);
    }
  }

  async #untilAnswered(write: LookingWrite, opId: OpId, copies: number): Promise<LookAnswer> {
    const { scheduler } = this.#options;
    const endMs = scheduler.nowMs + PATIENCE_MS;
    let outcome: 'NOT_APPLIED' | 'UNKNOWN' = 'NOT_APPLIED';
    for (;;) {
      const sends = Array.from({ length: copies }, () => this.#send(write, opId));
      const ended = await Promise.allSettled(sends);
      const answers = ended.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : []));
      const [first, second] = answers;
      if (first !== undefined) {
        if (second !== undefined) this.#compare(write, opId, first, second);
        return first;
      }
      const errors = ended.flatMap((end) =>
        end.status === 'rejected' ? [expected(end.reason)] : [],
      );
      if (errors.some((error) => error.outcome === 'UNKNOWN')) outcome = 'UNKNOWN';
      if (errors.some(({ reason }) => reason === 'SESSION_EXPIRED')) this.#session = null;
      if (this.#session === null || scheduler.nowMs >= endMs) {
        throw new DougError('IN_DOUBT', 'not answered', { outcome, cause: errors[0] });
      }
      for (const error of errors) this.#follow(error);
      await this.#pause();
    }
  }

  #compare(write: LookingWrite, opId: OpId, first: LookAnswer, other: LookAnswer): void {
    const [a, b] = [JSON.stringify(first), JSON.stringify(other)];
    if (a === b) return;
    this.complaints.push(
      `${this.#options.name} ${write.kind} ${write.key}, op ${opId.seq}: answered ${a} and ${b}`,
    );
  }

  async #send(write: LookingWrite, opId: OpId): Promise<LookAnswer> {
    const { kind, value, ifAbsent, ifRevision, returnPrevious } = write;
    const key = encoder.encode(write.key);
    const common = { opId, key, ifRevision, returnPrevious };
    if (kind === 'put') {
      const put = { ...common, value: encoder.encode(value as string), ifAbsent };
      const request = PutRequest.encode(PutRequest.fromPartial(put)).finish();
      return answerOf(write, PutResponse.decode(await this.#call('Put', request)));
    }
    const removal = { ...common, returnExisted: true };
    const request = DeleteRequest.encode(DeleteRequest.fromPartial(removal)).finish();
    return answerOf(write, DeleteResponse.decode(await this.#call('Delete', request)));
  }

  #call(method: string, request: Uint8Array): Promise<Uint8Array> {
    const { network, name } = this.#options;
    return network.unary(name, this.#target, `/dougdb.v1.Doug/${method}`, request, ATTEMPT_MS);
  }

  /** A session begins at a log time that the partition tells. */
  async #openSession(): Promise<Pick<OpId, 'session' | 'startedAt'>> {
    const { scheduler, random } = this.#options;
    const endMs = scheduler.nowMs + PATIENCE_MS;
    while (this.#session === null) {
      try {
        const get = GetRequest.encode(GetRequest.fromPartial({ key: encoder.encode('none') }));
        const { header } = GetResponse.decode(await this.#call('Get', get.finish()));
        this.#session = { session: random.bytes(16), startedAt: header?.logTime ?? 0 };
        this.#seq = 0;
        this.#answered.length = 0;
      } catch (error) {
        const { message } = expected(error);
        if (scheduler.nowMs >= endMs) throw new DougError('NO_LEADER', message);
        this.#follow(expected(error));
        await this.#pause();
      }
    }
    return this.#session;
  }

  /** Whom to ask next. */
  #follow({ route }: DougError): void {
    const { random, addresses } = this.#options;
    const leader = route?.nodes.find((node) => node.nodeId === route.leaderNodeId);
    this.#target = leader?.address ?? random.pick(addresses);
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#options.scheduler.schedule(PAUSE_MS, resolve);
    });
  }
}

/** An error that a healthy cluster gives while it is broken. @throws any other, which ends the run */
function expected(error: unknown): DougError {
  if (!DougError.is(error)) throw error;
  if (codes[error.reason].retry !== 'no' || error.reason === 'DEADLINE') return error;
  throw new Error(`an answer that nobody should get: ${error.reason}`, { cause: error });
}

function answerOf(write: LookingWrite, response: PutResponse | DeleteResponse): LookAnswer {
  const { revision, compareFailed, previousRevision, previousValue, resultNotKept } = response;
  if (resultNotKept) throw new Error('a result of a few bytes was not kept');
  const value = write.returnPrevious ? decoder.decode(previousValue) : null;
  const previous = previousRevision === 0 ? null : { revision: previousRevision, value };
  return { revision, compareFailed, previous };
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
