import { Slot } from '../log/entry-runs.js';
import type { EntryTable } from '../log/entry-table.js';
import type { LogState } from '../log/log-state.js';
import type { DamageLog } from './damage-log.js';
import { MAX_HOLE_ENTRIES } from './frame-replay.js';

/**
 * What replay has left open in a log is decided: holes, which only damage leaves, and entries that lost
 * frames may have replaced. Both lie between entries that are certain, or at the end.
 *
 * Terms never fall along a log, so between two certain entries of one term there is no other. And the leader
 * of a term makes one entry for each index: where the entry behind is certain and of the same term, this
 * one was there when that one was made, and stands (Raft 5.3, Log Matching). Of anything else not even
 * the term is known: a repair by it could bring back an entry that was replaced.
 * @throws WalError WAL_CORRUPT
 */
export function settleLog(log: LogState, dir: string, damage: DamageLog): void {
  const { table } = log;
  if (table.first === table.end) return;
  if (table.first - log.firstIndex > MAX_HOLE_ENTRIES) {
    const what = `log ${log.id} misses the entries ${log.firstIndex} to ${table.first - 1}`;
    throw damage.refusal(dir, 0, what);
  }
  table.extendTo(Math.min(log.firstIndex, table.first));
  for (let index = table.first; index < table.end; ) {
    let end = index;
    while (end < table.end && !isCertain(table.slot(end))) end = table.runEnd(end);
    if (end > index) settle(log, index, end, dir, damage);
    while (end < table.end && isCertain(table.slot(end))) end = table.runEnd(end);
    index = end;
  }
}

/** Settles [from, to), between entries that are certain. */
function settle(log: LogState, from: number, to: number, dir: string, damage: DamageLog): void {
  const { table } = log;
  const above = to < table.end ? table.term(to) : 0;
  // Of a gap at the very beginning: the prefix's term, 0 if there is none.
  const only = log.termOf(from - 1) === above ? above : 0;
  let end = to;
  while (end > from && stands(table, end - 1, above)) log.trust(--end);
  for (let index = end - 1; index >= from; index--) {
    if (table.slot(index) === Slot.Empty) {
      let first = index;
      while (first > from && table.slot(first - 1) === Slot.Empty) first--;
      damage.report(dir, 0, `log ${log.id} misses the entries ${first} to ${index}`);
      while (index > first) log.setMissing(index--, only);
    }
    if (stands(table, index, only)) log.trust(index);
    else log.setMissing(index, only);
  }
}

/** True if the entry in doubt here is of the term that the one that must be here has. */
function stands(table: EntryTable, index: number, term: number): boolean {
  return term > 0 && table.slot(index) !== Slot.Empty && table.term(index) === term;
}

function isCertain(slot: Slot): boolean {
  return slot === Slot.Placed || slot === Slot.Faulty;
}
