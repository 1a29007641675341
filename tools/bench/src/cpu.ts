import { readFileSync } from 'node:fs';

/** Clock ticks of /proc/<pid>/stat are 10 ms on every Linux that Node supports. */
const TICK_US = 10_000;

/** CPU time (user and system, all threads) that a process has used, in microseconds. */
export function cpuUs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The name in brackets may hold blanks: count from behind it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_US;
}
