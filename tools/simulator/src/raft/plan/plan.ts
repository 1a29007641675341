import type { Config } from '@dougdb/raft-core';
import type { Action } from './actions.js';

/** What messages suffer between any two replicas. */
export interface NetworkPlan {
  readonly minUs: number;
  readonly meanExtraUs: number;
  readonly loss: number;
  readonly duplicate: number;
  /** Of duplicates: to come again seconds later. */
  readonly replay: number;
  readonly straggle: number;
  /** Messages on their way from one replica to another; more are lost. */
  readonly capacity: number;
  readonly snapshotUs: number;
  readonly snapshotBreaks: number;
}

/** How long things take. 0: they happen at once. */
export interface TimesPlan {
  /** A host's turn comes so much later at most. */
  readonly turnUs: number;
  readonly hardStateUs: number;
  readonly appendUs: number;
  readonly applyUs: number;
  /** A tick is so much late at most. */
  readonly tickLateUs: number;
}

export interface OperationsPlan {
  readonly perSecond: number;
  readonly reads: number;
  readonly leaseReads: number;
  readonly batch: number;
  readonly sizeBytes: number;
  /** Of operations: to whoever leads; the others go to anybody. */
  readonly toLeader: number;
}

/** A run, but for what the streams of its seed bring: profile, switches and actions. */
export interface Plan {
  readonly seed: string;
  readonly profile: string;
  readonly voters: number;
  readonly durationUs: number;
  readonly tickUs: number;
  /** Clocks run up to so much too fast or too slow. */
  readonly drift: number;
  readonly config: Partial<Config>;
  readonly network: NetworkPlan;
  readonly times: TimesPlan;
  readonly operations: OperationsPlan;
  readonly actions: readonly Action[];
  /** At the end a part of the group stays down. */
  readonly healsPartly: boolean;
  /** Messages are frozen when they leave: neither end may change them. */
  readonly freezes: boolean;
  /** Of events between two looks at all logs. */
  readonly fullCheckEvery: number;
  /** Size at which a replica flushes and compacts by itself; 0: never. */
  readonly compactEvery: number;
}

/** Milliseconds and microseconds of the logical clock of every run. */
export const TICK_MS = 10;
export const TICK_US = 1000 * TICK_MS;

/** Nothing goes wrong: 5 replicas, 20 client operations a second, default times. */
export function plainPlan(seed: string, seconds: number): Plan {
  return {
    seed,
    profile: 'plain',
    voters: 5,
    durationUs: seconds * 1_000_000,
    tickUs: TICK_US,
    drift: 0.02,
    config: {},
    network: {
      ...{ minUs: 200, meanExtraUs: 300, loss: 0, duplicate: 0, replay: 0, straggle: 0 },
      ...{ capacity: 512, snapshotUs: 50_000, snapshotBreaks: 0 },
    },
    times: { turnUs: 0, hardStateUs: 0, appendUs: 500, applyUs: 0, tickLateUs: 0 },
    operations: {
      ...{ perSecond: 20, reads: 0.5, leaseReads: 0, batch: 1, sizeBytes: 30, toLeader: 0.8 },
    },
    actions: [],
    healsPartly: false,
    freezes: false,
    fullCheckEvery: 16,
    compactEvery: 400,
  };
}

/** The workload by which speed is told. */
export function namedWorkload(seed: string, seconds: number): Plan {
  return { ...plainPlan(seed, seconds), profile: 'named-workload' };
}
