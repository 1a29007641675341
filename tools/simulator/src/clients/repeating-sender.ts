import { DougError, type OpId } from '@dougdb/rpc-proto';
import type { Answer } from '../truth/answer.js';
import type { ClientContext } from './client.js';
import { expected, RawCaller, type SessionName } from './raw-caller.js';

/** Longest that an op is sent again and again. */
const PATIENCE_MS = 5_000;
/** Ops of a session that may be sent once more. */
const REMEMBERED = 30;

/** A write that has an op id. */
export interface RepeatedOp<T> {
  /** In words. */
  readonly what: string;
  readonly partitionId: number;
  /** Any of the partition. */
  readonly key: string;
  /** @throws DougError */
  send(caller: RawCaller, opId: OpId): Promise<T>;
  /** Whether the answer is what the log says of the op. */
  isAsLogged(answer: T, logged: Answer): boolean;
}

interface Sent {
  readonly op: RepeatedOp<unknown>;
  readonly opId: OpId;
  readonly answer: unknown;
}

interface Session {
  readonly name: SessionName;
  seq: number;
  readonly answered: Sent[];
}

/**
 * Does not trust exactly-once: it sends an op until it is answered, sometimes twice at a time, and now and then
 * once more after others have changed its keys. Whatever it is answered for one op id must always be the same,
 * and what its log says.
 */
export class RepeatingSender {
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
  async run<T>(op: RepeatedOp<T>): Promise<T> {
    const { random } = this.#context;
    const session = await this.#sessionFor(op);
    const { seq } = session;
    session.seq++;
    // What was sent before this one may be sent again, what is older is forgotten.
    const firstIncomplete = Math.max(1, seq - REMEMBERED);
    const opId = { ...session.name, seq, firstIncomplete };
    const answer = await this.#untilAnswered(op, opId, random.chance(0.2) ? 2 : 1);
    session.answered.push({ op, opId, answer });
    if (random.chance(0.3)) {
      await this.#repeat(random.pick(session.answered.slice(-REMEMBERED / 2)));
    }
    return answer;
  }

  /** Sends an op again that was answered. */
  async #repeat({ op, opId, answer }: Sent): Promise<void> {
    this.#context.coverage.hit('sent-again');
    try {
      this.#compare(op, opId, answer, await this.#send(op, opId));
    } catch (error) {
      const { reason } = expected(error);
      // Whatever else it is, the cluster is not there just now, and nothing is learnt.
      if (reason === 'SESSION_EXPIRED') this.#endSession(op);
    }
  }

  async #untilAnswered<T>(op: RepeatedOp<T>, opId: OpId, copies: number): Promise<T> {
    const endMs = this.#caller.nowMs + PATIENCE_MS;
    let outcome: 'NOT_APPLIED' | 'UNKNOWN' = 'NOT_APPLIED';
    if (copies > 1) this.#context.coverage.hit('sent-twice-at-once');
    for (;;) {
      const sends = Array.from({ length: copies }, () => this.#send(op, opId));
      const ended = await Promise.allSettled(sends);
      const answers = ended.flatMap((end) => (end.status === 'fulfilled' ? [end] : []));
      const [first, second] = answers;
      if (first !== undefined) {
        if (second !== undefined) this.#compare(op, opId, first.value, second.value);
        return first.value;
      }
      const errors = ended.flatMap((end) =>
        end.status === 'rejected' ? [expected(end.reason)] : [],
      );
      if (errors.some((error) => error.outcome === 'UNKNOWN')) outcome = 'UNKNOWN';
      const isExpired = errors.some(({ reason }) => reason === 'SESSION_EXPIRED');
      if (isExpired) this.#endSession(op);
      if (isExpired || this.#caller.nowMs >= endMs) {
        throw new DougError('IN_DOUBT', 'not answered', { outcome, cause: errors[0] });
      }
      for (const error of errors) this.#caller.follow(error);
      await this.#caller.pause();
    }
  }

  async #send<T>(op: RepeatedOp<T>, opId: OpId): Promise<T> {
    const answer = await op.send(this.#caller, opId);
    const { truth } = this.#context;
    const logged = truth.partition(op.partitionId).answerTo(opId);
    if (logged?.outcome !== 'applied' || !op.isAsLogged(answer, logged)) {
      const [told, log] = [JSON.stringify(answer), JSON.stringify(logged)];
      truth.report('answer-as-logged', `${op.what}, op ${opId.seq}: told ${told}, log has ${log}`);
    }
    return answer;
  }

  #compare(op: RepeatedOp<unknown>, opId: OpId, first: unknown, other: unknown): void {
    const [a, b] = [JSON.stringify(first), JSON.stringify(other)];
    if (a === b) return;
    const { truth } = this.#context;
    truth.report('one-answer', `${op.what}, op ${opId.seq}: answered ${a} and ${b}`);
  }

  #endSession({ partitionId }: RepeatedOp<unknown>): void {
    this.#sessions.delete(partitionId);
    this.#context.coverage.hit('session-refused');
  }

  async #sessionFor({ partitionId, key }: RepeatedOp<unknown>): Promise<Session> {
    const known = this.#sessions.get(partitionId);
    if (known !== undefined) return known;
    const name = await this.#caller.newSession(key, PATIENCE_MS);
    const session = { name, seq: 1, answered: [] };
    this.#sessions.set(partitionId, session);
    return session;
  }
}
