import type { Random } from '@dougdb/ports';

/** A process that can be hurt. */
export interface Victim {
  readonly name: string;
  /** Ends it with SIGKILL and resolves when it is gone. */
  kill(): Promise<void>;
  /** Starts it again on what it left behind, and resolves when it answers: until then it counts as hurt. */
  restart(): Promise<void>;
  /** SIGSTOP and SIGCONT. */
  stop(): void;
  resume(): void;
}

export interface ProcessNemesisOptions {
  readonly victims: readonly Victim[];
  /** Most victims that are down or stopped at the same time: fewer than a majority can do without. */
  readonly atOnce: number;
  readonly random: Random;
  readonly sleep: (ms: number) => Promise<void>;
  /** Called between faults: false ends it. */
  readonly goesOn: () => boolean;
  /** Pauses between faults, and how long one lasts: up to so much. */
  readonly pauseMs: number;
  readonly lastsMs: number;
}

export interface NemesisCounts {
  readonly kills: number;
  readonly stops: number;
}

/**
 * Kills and stops random processes, never more at once than allowed, and heals all of them before it
 * resolves.
 */
export async function runProcessNemesis(options: ProcessNemesisOptions): Promise<NemesisCounts> {
  const { victims, atOnce, random, sleep } = options;
  const counts = { kills: 0, stops: 0 };
  const hurt = new Set<Victim>();
  const healing: Promise<void>[] = [];
  while (options.goesOn()) {
    await sleep(random.next() * options.pauseMs);
    const well = victims.filter((victim) => !hurt.has(victim));
    if (hurt.size >= atOnce || well.length === 0) continue;
    const victim = well[Math.floor(random.next() * well.length)] as Victim;
    const lastsMs = random.next() * options.lastsMs;
    const isKill = random.next() < 0.5;
    hurt.add(victim);
    if (isKill) counts.kills++;
    else counts.stops++;
    const fault = isKill ? killed(victim, lastsMs, sleep) : stopped(victim, lastsMs, sleep);
    healing.push(fault.finally(() => hurt.delete(victim)));
  }
  await Promise.all(healing);
  return counts;
}

async function killed(
  victim: Victim,
  lastsMs: number,
  sleep: (ms: number) => Promise<void>,
): Promise<void> {
  await victim.kill();
  await sleep(lastsMs);
  await victim.restart();
}

async function stopped(
  victim: Victim,
  lastsMs: number,
  sleep: (ms: number) => Promise<void>,
): Promise<void> {
  victim.stop();
  await sleep(lastsMs);
  victim.resume();
}
