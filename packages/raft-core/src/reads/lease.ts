import type { LeaseConfig } from '../config.js';
import type { Tracker } from '../tracker/tracker.js';

interface Sent {
  readonly token: number;
  readonly ms: number;
}

const DRIFT_SHARE = 0.1;
/** Heartbeat rounds whose answers may still extend a lease. */
const MAX_ROUNDS = 64;

/**
 * The time for which no other replica can have been elected (S10; dissertation 6.4.1, with the times of
 * sending instead of ticks): a voter that took in a heartbeat refuses votes for one election timeout
 * from then on, and it took it in after it was sent. Ten per cent and a tick are left for clocks that
 * do not run alike.
 */
export class Lease {
  readonly #durationMs: number;
  #sent: Sent[] = [];
  /** A leader that told another to campaign has no lease for the rest of its term. */
  #isRevoked = true;

  constructor({ electionTimeoutMs, tickMs }: LeaseConfig) {
    this.#durationMs = electionTimeoutMs * (1 - DRIFT_SHARE) - tickMs;
  }

  /** A term as leader begins. */
  restart(): void {
    this.#sent = [];
    this.#isRevoked = false;
  }

  revoke(): void {
    this.#sent = [];
    this.#isRevoked = true;
  }

  /** The heartbeats of round `token` leave now or later. */
  sent(token: number, nowMs: number): void {
    if (this.#isRevoked) return;
    if (this.#sent.length === MAX_ROUNDS) this.#sent.shift();
    this.#sent.push({ token, ms: nowMs });
  }

  /** When the heartbeats of round `token` left; 0 if that is not known. */
  sentAt(token: number): number {
    for (let i = this.#sent.length - 1; i >= 0; i--) {
      const sent = this.#sent[i];
      if (sent?.token === token) return sent.ms;
    }
    return 0;
  }

  /** INVARIANT(lease-by-quorum): a quorum, of both halves, confirmed heartbeats that were sent this recently. */
  isValid(tracker: Tracker, nowMs: number): boolean {
    if (this.#isRevoked) return false;
    const start = tracker.leaseStart();
    return start > 0 && Number.isFinite(start) && nowMs < start + this.#durationMs;
  }
}
