import type { KeyBounds } from '../contract.js';
import { compareKeys } from '../encoding/key-order.js';
import { touches } from '../read/bounds.js';
import type { TableHandle } from './table-handle.js';
import type { Version } from './version.js';

/**
 * Bytes of files that hold the keys of a range, to about a block at each end. Reads indexes, no data.
 * @throws SstError SST_CORRUPT, SST_IO
 */
export function approximateSize({ levels }: Version, bounds: KeyBounds): number {
  let bytes = 0;
  for (const tables of levels) for (const table of tables) bytes += bytesInside(table, bounds);
  return bytes;
}

function bytesInside({ meta, reader }: TableHandle, bounds: KeyBounds): number {
  const { smallest, largest, sizeBytes } = meta;
  if (!touches(bounds, smallest, largest)) return 0;
  const { start, end } = bounds;
  const from = start === null || compareKeys(smallest, start) >= 0 ? 0 : reader.offsetOf(start);
  const to = end === null || compareKeys(largest, end) < 0 ? sizeBytes : reader.offsetOf(end);
  return Math.max(0, to - from);
}
