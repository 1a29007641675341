import { type BackoffOptions, backoffMs } from '@dougdb/facade';
import type { Clock, Random } from '@dougdb/ports';
import type { Gate } from './gate.js';
import type { Operation } from './operation.js';
import { PartitionState } from './partition-state.js';

/** What partitions are made with. */
export interface PartitionsPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly backoff: BackoffOptions;
  /** Takes operations that waited at a gate. */
  readonly release: (waiting: readonly Operation[]) => void;
}

/** All partitions that this client has had to do with. Id 0 stands for those that are not known. */
export class Partitions {
  readonly #ports: PartitionsPorts;
  readonly #states = new Map<number, PartitionState>();

  constructor(ports: PartitionsPorts) {
    this.#ports = ports;
  }

  /** Where an operation waits while the partition cannot be reached. */
  gateOf(op: Operation, partitionId: number): Gate {
    const partition = this.#of(partitionId);
    return op.eventual ? partition.readGate : partition.gate;
  }

  /**
   * Closes the gate for a while that grows with each time.
   * @param atLeastMs - what the server asked for
   * @returns false: it was closed already, and opens when it would have
   */
  closeGate(op: Operation, partitionId: number, atLeastMs: number): boolean {
    const { random, backoff } = this.#ports;
    const gate = this.gateOf(op, partitionId);
    if (gate.isClosed) return false;
    const partition = this.#of(partitionId);
    const failures = op.eventual ? ++partition.readFailures : ++partition.failures;
    gate.close(backoffMs(failures, random, backoff, atLeastMs));
    return true;
  }

  /** Lets those go on that wait at any gate. */
  openGates(): void {
    for (const partition of [...this.#states.values()]) partition.openGates();
  }

  /** The partition has answered an operation: the next pause is a short one. */
  served(op: Operation): void {
    const partition = this.#of(op.partitionId);
    if (op.eventual) partition.readFailures = 0;
    else partition.failures = 0;
  }

  /** A partition told its log time. */
  sawLogTime(partitionId: number, logTime: number): void {
    this.#of(partitionId).sawLogTime(logTime);
  }

  /** Gives a write its identity for life. @returns false: there is no room for it */
  identify(op: Operation): boolean {
    return this.#of(op.partitionId).identify(op);
  }

  /** Whether one more write would find room for its identity. */
  hasRoom(op: Operation): boolean {
    return this.#of(op.partitionId).hasRoom;
  }

  /** A write without an identity waits for room. */
  awaitRoom(op: Operation): void {
    this.#of(op.partitionId).awaitRoom(op);
  }

  /** The session of a write was refused; the next one begins at the log time that the refusal tells (S16). */
  expired(op: Operation, logTime: number): void {
    if (op.session === null) return;
    this.#of(op.session.partitionId).dropSession(op.session);
    this.#of(op.partitionId).setLogTime(logTime);
  }

  /**
   * The seq of a write is finished: its result may be forgotten, others may take its room.
   * @returns those that waited for room and may try again
   */
  dropIdentity(op: Operation): readonly Operation[] {
    const { session, seq } = op;
    if (session === null) return none;
    op.session = null;
    return this.#of(session.partitionId).finish(session, seq);
  }

  /** Stops the timers. */
  close(): void {
    for (const partition of this.#states.values()) partition.close();
  }

  #of(id: number): PartitionState {
    let partition = this.#states.get(id);
    if (partition === undefined) {
      const { clock, random, release } = this.#ports;
      partition = new PartitionState(id, clock, random, release);
      this.#states.set(id, partition);
    }
    return partition;
  }
}

const none: readonly Operation[] = [];
