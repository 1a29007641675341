import { readFileSync } from 'node:fs';

// LMDB's meta pages, page 0 and page 1: a page header of 24 bytes, then magic u32, version u32,
// address u64, map size u64, page size u32.
const META_AT = 24;
const PAGE_SIZE_AT = META_AT + 24;
const MAGIC = 0xbeefc0de;
const SMALLEST_PAGE = 512;
const LARGEST_PAGE = 65_536;

/**
 * lmdb maps its file and trusts it: what is no lmdb file ends the process with a signal. This tells
 * such a file beforehand.
 * @returns what is wrong; null for a file that lmdb can open; 'unwritten' for one that was made and never
 * written to (a power loss at the first start), or that is not there
 */
export function lmdbFileFault(path: string): string | 'unwritten' | null {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'unwritten';
    throw error;
  }
  const head = bytes.subarray(0, 2 * LARGEST_PAGE);
  if (head.every((byte) => byte === 0)) return 'unwritten';
  const pageSize = bytes.length < PAGE_SIZE_AT + 4 ? 0 : bytes.readUInt32LE(PAGE_SIZE_AT);
  const isPageSize =
    pageSize >= SMALLEST_PAGE && pageSize <= LARGEST_PAGE && (pageSize & (pageSize - 1)) === 0;
  if (!isPageSize || bytes.length < 2 * pageSize) return 'its pages have no size';
  const first = bytes.subarray(META_AT, META_AT + 8);
  const second = bytes.subarray(pageSize + META_AT, pageSize + META_AT + 8);
  if (first.readUInt32LE(0) !== MAGIC || !first.equals(second))
    return 'it does not begin as lmdb does';
  if (bytes.readUInt32LE(pageSize + PAGE_SIZE_AT) !== pageSize) return 'its pages have two sizes';
  return null;
}
