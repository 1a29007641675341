import type { Clock, Random } from '@dougdb/ports';
import { SESSION_BYTES } from '@dougdb/rpc-proto';
import { Gate } from './gate.js';
import { type Operation, Place } from './operation.js';
import { SESSION_LIFE_MS, Session } from './session.js';

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
  /** Writes that wait for the session to have room. */
  #held: Operation[] = [];

  constructor(id: number, clock: Clock, random: Random, open: (waiting: Operation[]) => void) {
    this.id = id;
    this.#clock = clock;
    this.#random = random;
    this.gate = new Gate(clock, open);
    this.readGate = new Gate(clock, open);
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

  /** Gives a write its identity for life. @returns false: it waits until the session has room */
  identify(op: Operation): boolean {
    if (this.#held.length > 0 || !this.#currentSession().hasRoom) {
      op.place = Place.session;
      this.#held.push(op);
      return false;
    }
    this.#assign(op);
    return true;
  }

  /** A write is finished. @returns those that have an identity now and can be sent */
  finish(session: Session, seq: number): Operation[] {
    session.finish(seq);
    if (this.#held.length === 0) return none;
    const ready: Operation[] = [];
    let taken = 0;
    while (taken < this.#held.length) {
      const op = this.#held[taken] as Operation;
      if (op.place === Place.session) {
        if (!this.#currentSession().hasRoom) break;
        this.#assign(op);
        // Not held any more: on its way.
        op.place = Place.queue;
        ready.push(op);
      }
      taken++;
    }
    this.#held.splice(0, taken);
    return ready;
  }

  /** Stops the timers. */
  close(): void {
    this.gate.cancel();
    this.readGate.cancel();
    this.#held = [];
  }

  #assign(op: Operation): void {
    op.session = this.#currentSession();
    op.seq = op.session.take();
  }

  #currentSession(): Session {
    const nowMs = this.#clock.monotonicMs();
    if (this.#session === null || nowMs - this.#session.bornMs >= SESSION_LIFE_MS) {
      this.#session = new Session(this.id, this.#random.bytes(SESSION_BYTES), this.#logTime, nowMs);
    }
    return this.#session;
  }
}

const none: Operation[] = [];
