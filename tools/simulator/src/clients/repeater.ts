import {
  DeleteRequest,
  DeleteResponse,
  DougError,
  type OpId,
  PutRequest,
  PutResponse,
} from '@dougdb/rpc-proto';
import type { LookAnswer, LookingWrite } from '../looking-write.js';
import { connectClient } from '../sim-client.js';
import type { ClientContext, ClientKind } from './client.js';
import { expected, RawCaller, type SessionName } from './raw-caller.js';
import { Registers } from './registers.js';

/** Longest that an op is sent again and again. */
const PATIENCE_MS = 5_000;
/** Ops of a session that may be sent once more. */
const REMEMBERED = 30;

/** As registers, but its writes that look first go over a client that does not trust exactly-once. */
export const repeater: ClientKind = async (context) => {
  const repeating = new RepeatingWriter(context);
  const sdk = await connectClient(context.cluster, context.name);
  return new Registers(context, sdk, { look: (write) => repeating.write(write) });
};

interface Sent {
  readonly write: LookingWrite;
  readonly opId: OpId;
  readonly answer: LookAnswer;
}

interface Session {
  readonly name: SessionName;
  seq: number;
  readonly answered: Sent[];
}

/**
 * Sends an op until it is answered, sometimes twice at a time, and now and then once more after others have
 * changed the key. Whatever it is answered for one op id must always be the same, and what its log says.
 */
class RepeatingWriter {
  readonly #context: ClientContext;
  readonly #caller: RawCaller;
  /** One a partition. */
  readonly #sessions = new Map<number, Session>();

  constructor(context: ClientContext) {
    const { cluster, random, name } = context;
    this.#context = context;
    this.#caller = new RawCaller(cluster, random.fork('caller'), name);
  }

  /** @throws DougError with the outcome of all attempts */
  async write(write: LookingWrite): Promise<LookAnswer> {
    const { random } = this.#context;
    const session = await this.#sessionFor(write.key);
    const { seq } = session;
    session.seq++;
    // What was sent before this one may be sent again, what is older is forgotten.
    const firstIncomplete = Math.max(1, seq - REMEMBERED);
    const opId = { ...session.name, seq, firstIncomplete };
    const answer = await this.#untilAnswered(write, opId, random.chance(0.2) ? 2 : 1);
    session.answered.push({ write, opId, answer });
    if (random.chance(0.3))
      await this.#repeat(random.pick(session.answered.slice(-REMEMBERED / 2)));
    return answer;
  }

  /** Sends an op again that was answered. */
  async #repeat({ write, opId, answer }: Sent): Promise<void> {
    this.#context.coverage.hit('sent-again');
    try {
      this.#compare(write, opId, answer, await this.#send(write, opId));
    } catch (error) {
      const { reason } = expected(error);
      // Whatever else it is, the cluster is not there just now, and nothing is learnt.
      if (reason !== 'SESSION_EXPIRED') return;
      this.#sessions.delete(this.#partitionOf(write.key));
      this.#context.coverage.hit('session-refused');
    }
  }

  async #untilAnswered(write: LookingWrite, opId: OpId, copies: number): Promise<LookAnswer> {
    const endMs = this.#caller.nowMs + PATIENCE_MS;
    let outcome: 'NOT_APPLIED' | 'UNKNOWN' = 'NOT_APPLIED';
    if (copies > 1) this.#context.coverage.hit('sent-twice-at-once');
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
      const isExpired = errors.some(({ reason }) => reason === 'SESSION_EXPIRED');
      if (isExpired) {
        this.#sessions.delete(this.#partitionOf(write.key));
        this.#context.coverage.hit('session-refused');
      }
      if (isExpired || this.#caller.nowMs >= endMs) {
        throw new DougError('IN_DOUBT', 'not answered', { outcome, cause: errors[0] });
      }
      for (const error of errors) this.#caller.follow(error);
      await this.#caller.pause();
    }
  }

  #compare(write: LookingWrite, opId: OpId, first: LookAnswer, other: LookAnswer): void {
    const [a, b] = [JSON.stringify(first), JSON.stringify(other)];
    if (a === b) return;
    this.#context.truth.report(
      'one-answer',
      `${write.kind} ${write.key}, op ${opId.seq}: answered ${a} and ${b}`,
    );
  }

  async #send(write: LookingWrite, opId: OpId): Promise<LookAnswer> {
    const { kind, value, ifAbsent, ifRevision, returnPrevious } = write;
    const key = encoder.encode(write.key);
    const common = { opId, key, ifRevision, returnPrevious };
    if (kind === 'put') {
      const put = { ...common, value: encoder.encode(value as string), ifAbsent };
      const request = PutRequest.encode(PutRequest.fromPartial(put)).finish();
      return this.#answer(write, opId, PutResponse.decode(await this.#caller.call('Put', request)));
    }
    const removal = { ...common, returnExisted: true };
    const request = DeleteRequest.encode(DeleteRequest.fromPartial(removal)).finish();
    const response = await this.#caller.call('Delete', request);
    return this.#answer(write, opId, DeleteResponse.decode(response));
  }

  /** What it was told must be what the log says of this op. */
  #answer(write: LookingWrite, opId: OpId, response: PutResponse | DeleteResponse): LookAnswer {
    const { truth } = this.#context;
    const { revision, compareFailed, previousRevision, previousValue, resultNotKept } = response;
    if (resultNotKept) truth.report('result-kept', 'a result of a few bytes was not kept');
    const value = write.returnPrevious ? decoder.decode(previousValue) : null;
    const previous = previousRevision === 0 ? null : { revision: previousRevision, value };
    const logged = truth.partition(this.#partitionOf(write.key)).answerTo(opId);
    const isAsLogged =
      logged?.outcome === 'applied' &&
      logged.revision === revision &&
      logged.compareFailed === compareFailed &&
      (logged.previous?.revision ?? 0) === previousRevision;
    if (!isAsLogged) {
      const told = JSON.stringify({ revision, compareFailed, previousRevision });
      truth.report(
        'answer-as-logged',
        `${write.kind} ${write.key}, op ${opId.seq}: told ${told}, log says ${JSON.stringify(logged)}`,
      );
    }
    return { revision, compareFailed, previous };
  }

  async #sessionFor(key: string): Promise<Session> {
    const partitionId = this.#partitionOf(key);
    const known = this.#sessions.get(partitionId);
    if (known !== undefined) return known;
    const name = await this.#caller.newSession(key, PATIENCE_MS);
    const session = { name, seq: 1, answered: [] };
    this.#sessions.set(partitionId, session);
    return session;
  }

  #partitionOf(key: string): number {
    return this.#context.cluster.partitioning.partitionOf(key);
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
