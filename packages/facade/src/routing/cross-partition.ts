import { DougError } from '@dougdb/rpc-proto';
import { compareEnds, compareKeys, isBelowEnd } from '../key-range.js';
import type { PartitionMap, Route } from './partition-map.js';

/** Longest part of a key in a message, in bytes. */
const SHOWN_BYTES = 40;

/** Keys that a command names: one key (`end` is null) or [start, end), where an empty end is behind the last key. */
export interface KeySpan {
  readonly start: Uint8Array;
  readonly end: Uint8Array | null;
}

/**
 * Why a command of several keys cannot go to a partition: not all of them lie in it. It is said by who sees it
 * first; a map that is behind sees too little of it, and then the node says so, or that the epoch is another one.
 * @param route - the partition of the first key
 * @returns null: they do, as far as the map knows
 */
export function crossPartition(
  map: PartitionMap,
  route: Route,
  kind: string,
  spans: readonly KeySpan[],
): DougError | null {
  const outside = spans.find((span) => !isWithin(span, route));
  if (outside === undefined) return null;
  const isBegun =
    compareKeys(route.start, outside.start) <= 0 && isBelowEnd(outside.start, route.end);
  const other = map.lookup(isBegun ? route.end : outside.start);
  const otherName = other === null ? 'another partition' : `partition ${other.partitionId}`;
  const first = spans[0]?.start ?? route.start;
  return new DougError(
    'CROSS_PARTITION',
    `a ${kind} is for keys of one partition: '${shown(first)}' lies in partition ${route.partitionId}, ${nameOf(outside)} in ${otherName}`,
  );
}

function isWithin({ start, end }: KeySpan, route: Route): boolean {
  if (compareKeys(route.start, start) > 0) return false;
  if (end === null) return isBelowEnd(start, route.end);
  return compareEnds(end, route.end) <= 0;
}

function nameOf({ start, end }: KeySpan): string {
  if (end === null) return `'${shown(start)}'`;
  const last = end.length === 0 ? 'the last key' : `'${shown(end)}'`;
  return `some of the range from '${shown(start)}' to ${last}`;
}

function shown(key: Uint8Array): string {
  const text = Buffer.from(key.subarray(0, SHOWN_BYTES)).toString('latin1');
  const printable = text.replace(/[^\x20-\x7e]/g, '?');
  return key.length > SHOWN_BYTES ? `${printable}...` : printable;
}
