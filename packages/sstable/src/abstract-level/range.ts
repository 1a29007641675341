import type { RangeOptions } from '../contract.js';
import { type Data, toBytes } from './data-format.js';

/** The limits of a range as abstract-level hands them over: encoded. */
export interface EncodedRange {
  readonly gt?: Data;
  readonly gte?: Data;
  readonly lt?: Data;
  readonly lte?: Data;
}

/** The same for ours. Of an inclusive and an exclusive limit the inclusive one counts, as in classic-level. */
export function toRange({ gt, gte, lt, lte }: EncodedRange): RangeOptions {
  return {
    ...(gte !== undefined ? { gte: toBytes(gte) } : gt !== undefined ? { gt: toBytes(gt) } : {}),
    ...(lte !== undefined ? { lte: toBytes(lte) } : lt !== undefined ? { lt: toBytes(lt) } : {}),
  };
}
