import { type Compare, CompareRelation } from '@dougdb/rpc-proto';
import { compareKeys } from '../state/key-range.js';
import type { PairFound, Place } from './place.js';
import type { Planning } from './planning.js';
import type { WorkBound } from './work-bound.js';

/** Whether all compares of a transaction hold. Looks no further than to the first that does not. */
export function* allHold(
  compares: readonly Compare[],
  place: Place,
  work: WorkBound,
): Planning<boolean> {
  for (const compare of compares) {
    const isRange = compare.rangeEnd.length > 0;
    const holds = isRange ? holdsInRange(compare, place, work) : holdsAt(compare, place, work);
    if (!(yield* holds)) return false;
  }
  return true;
}

function* holdsAt(compare: Compare, place: Place, work: WorkBound): Planning<boolean> {
  work.touch();
  return isMet(compare, yield* place.get(compare.key, looksAtKeyOnly(compare)));
}

function* holdsInRange(compare: Compare, place: Place, work: WorkBound): Planning<boolean> {
  const { key: start, rangeEnd: end, relation, target } = compare;
  const keysOnly = looksAtKeyOnly(compare);
  const asksForAny = target?.$case === 'exists';
  let isAny = false;
  let holds = true;
  yield* place.walk({ start, end, reverse: false, keysOnly }, (_key, found) => {
    work.touch();
    isAny = true;
    holds = asksForAny || isMet(compare, found);
    return holds && !asksForAny;
  });
  return asksForAny ? isAs(relation, isAny === target.value) : holds;
}

function looksAtKeyOnly({ target }: Compare): boolean {
  return target?.$case !== 'value';
}

/** Of one key; null: it is not there. */
function isMet({ relation, target }: Compare, found: PairFound | null): boolean {
  switch (target?.$case) {
    case 'exists':
      return isAs(relation, (found !== null) === target.value);
    case 'revision':
      return isInOrder(relation, (found?.revision ?? 0) - target.value);
    case 'value':
      // What is not there is not equal to any value, and neither less nor greater.
      return found === null
        ? relation === CompareRelation.COMPARE_RELATION_NOT_EQUAL
        : isInOrder(relation, compareKeys(found.value, target.value));
    case undefined:
      // Whoever read the command has refused it.
      return false;
  }
}

function isAs(relation: CompareRelation, isEqual: boolean): boolean {
  return isEqual === (relation === CompareRelation.COMPARE_RELATION_EQUAL);
}

/** @param difference - of what is there and what it is compared with */
function isInOrder(relation: CompareRelation, difference: number): boolean {
  switch (relation) {
    case CompareRelation.COMPARE_RELATION_EQUAL:
      return difference === 0;
    case CompareRelation.COMPARE_RELATION_NOT_EQUAL:
      return difference !== 0;
    case CompareRelation.COMPARE_RELATION_LESS:
      return difference < 0;
    case CompareRelation.COMPARE_RELATION_GREATER:
      return difference > 0;
    case CompareRelation.COMPARE_RELATION_UNSPECIFIED:
    case CompareRelation.UNRECOGNIZED:
      // As above.
      return false;
  }
}
