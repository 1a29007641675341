import type { Clock, Random } from '@dougdb/ports';
import { SESSION_BYTES } from '@dougdb/rpc-proto';
import { Gate } from './gate.js';
import { type Operation, Place } from './operation.js';
import { SESSION_LIFE_MS, Session } from './session.js';
import { WaitingList } from './waiting-list.js';

/**
 * What this client knows and does about one partition beside the route: the session (S16), the gates,
 * the pauses.
 */
export class PartitionState {
  readonly id: number;
  /** For what only the leader serves. */
  readonly gate: Gate;
  /** For reads that any replica may serve. */
  readonly readGate: Gate;
  /** Pauses in a row without a success between them. */
  failures = 0;
  readFailures = 0;
  readonly #clock: Clock;
  readonly #random: Random;
  #logTime = 0;
  #session: Session | null = null;
  /** Writes that wait for room in the session. */
  readonly #roomless = new WaitingList(Place.lane);

  constructor(
    id: number,
    clock: Clock,
    random: Random,
    release: (waiting: readonly Operation[]) => void,
  ) {
    this.id = id;
    this.#clock = clock;
    this.#random = random;
    this.gate = new Gate(clock, release);
    this.readGate = new Gate(clock, release);
  }

  /** A header or hint of the partition told its log time. */
  sawLogTime(logTime: number): void {
    if (logTime > this.#logTime) this.#logTime = logTime;
  }

  /**
   * The partition refused a session and told its log time, which is taken as it is: if what was known
   * here were ahead of it, the next session would be refused too.
   */
  setLogTime(logTime: number): void {
    if (logTime > 0) this.#logTime = logTime;
  }

  /** No new write gets this session any more. */
  dropSession(session: Session): void {
    if (this.#session === session) this.#session = null;
  }

  /** Gives a write its identity for life. @returns false: the session has no room */
  identify(op: Operation): boolean {
    const session = this.#currentSession();
    if (session.room === 0) return false;
    op.session = session;
    op.seq = session.take();
    return true;
  }

  /** Whether the session has room for one more write. */
  get hasRoom(): boolean {
    return this.#currentSession().room > 0;
  }

  /** A write waits until the session has room. */
  awaitRoom(op: Operation): void {
    this.#roomless.add(op);
  }

  /** A write is finished. @returns those that wait for room and may try again */
  finish(session: Session, seq: number): readonly Operation[] {
    session.finish(seq);
    if (this.#roomless.isEmpty) return none;
    return this.#roomless.take(this.#currentSession().room);
  }

  /** Lets those go on that wait at the gates. */
  openGates(): void {
    this.gate.open();
    this.readGate.open();
  }

  /** Stops the timers. */
  close(): void {
    this.gate.cancel();
    this.readGate.cancel();
    this.#roomless.clear();
  }

  #currentSession(): Session {
    const nowMs = this.#clock.monotonicMs();
    if (this.#session === null || nowMs - this.#session.bornMs >= SESSION_LIFE_MS) {
      this.#session = new Session(this.id, this.#random.bytes(SESSION_BYTES), this.#logTime, nowMs);
    }
    return this.#session;
  }
}

const none: readonly Operation[] = [];
