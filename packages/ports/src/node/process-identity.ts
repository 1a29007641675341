import fs from 'node:fs';
import { codeOf } from './system-error.js';

/** Tells a process from a later one that was given the same pid. Empty text: not known here. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks after boot. */
  readonly startTime: string;
  readonly bootId: string;
}

export function ownIdentity(): ProcessIdentity {
  const { pid } = process;
  return { pid, startTime: startTimeOf(pid) ?? '', bootId: bootId() };
}

/** @returns null if the text is not what {@link formatIdentity} made */
export function parseIdentity(text: string): ProcessIdentity | null {
  const match = /^pid (\d{1,10})\nstart (\d*)\nboot ([0-9a-f-]*)\n$/.exec(text);
  if (match === null) return null;
  const [, pid = '', startTime = '', boot = ''] = match;
  return { pid: Number(pid), startTime, bootId: boot };
}

export function formatIdentity({ pid, startTime, bootId: boot }: ProcessIdentity): string {
  return `pid ${pid}\nstart ${startTime}\nboot ${boot}\n`;
}

/** False if that process is gone for certain, even if its pid is in use again. */
export function mayBeAlive(identity: ProcessIdentity): boolean {
  if (identity.bootId !== bootId()) return false;
  if (identity.startTime !== '') return startTimeOf(identity.pid) === identity.startTime;
  try {
    process.kill(identity.pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

function bootId(): string {
  return readText('/proc/sys/kernel/random/boot_id')?.trim() ?? '';
}

/** Field 22 of /proc/pid/stat; the second field is a name in brackets that may hold anything. */
function startTimeOf(pid: number): string | null {
  const stat = readText(`/proc/${pid}/stat`);
  if (stat === null) return null;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[19] ?? null;
}

/** The text of a small file; null if it cannot be read. */
export function readText(path: string): string | null {
  try {
    return fs.readFileSync(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === undefined) throw error;
    return null;
  }
}
