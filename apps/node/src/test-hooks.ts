import type { Member } from '@dougdb/member';

const ROUTE = /^\/test\/partitions\/(\d{1,15})\/(stop|resume)$/;

/**
 * What the admin port answers to a POST when DOUG_TEST_HOOKS=1: a replica stands still, or goes on. For
 * tests of what the rest does meanwhile.
 * @returns null for a path that is none of these
 */
export function testHook(
  member: Member,
  path: string,
): { readonly status: number; readonly body: string } | null {
  const match = ROUTE.exec(path);
  if (match === null) return null;
  const partitionId = Number(match[1]);
  const isHere =
    match[2] === 'stop' ? member.stopPartition(partitionId) : member.resumePartition(partitionId);
  if (isHere) return { status: 200, body: 'ok\n' };
  return { status: 404, body: `no replica of partition ${partitionId} is here\n` };
}
