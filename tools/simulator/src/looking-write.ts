import { CompareFailedError, type DougClient } from '@dougdb/client/core';
import type { Look } from './observation.js';

/** A write that looks at its key before it changes anything. */
export interface LookingWrite {
  readonly kind: 'put' | 'delete';
  readonly key: string;
  /** Null for a delete. */
  readonly value: string | null;
  readonly ifAbsent: boolean;
  /** 0: whatever is there. */
  readonly ifRevision: number;
  readonly returnPrevious: boolean;
}

/** What it was answered; see Observation for the revision. */
export interface LookAnswer {
  readonly revision: number;
  readonly compareFailed: boolean;
  readonly previous: Look['previous'];
}

/** Carries it out by the SDK. @throws DougError */
export async function lookBySdk(client: DougClient, write: LookingWrite): Promise<LookAnswer> {
  const { kind, key, value, ifAbsent, returnPrevious } = write;
  const ifRevision = write.ifRevision === 0 ? undefined : write.ifRevision;
  try {
    if (kind === 'put') {
      const put = await client.put(key, value as string, { ifAbsent, ifRevision, returnPrevious });
      return { revision: put.revision, compareFailed: false, previous: toldBy(put) };
    }
    const removed = await client.delete(key, { ifRevision, returnPrevious, returnExisted: true });
    const previous = removed.existed === false ? null : toldBy(removed);
    return { revision: removed.revision, compareFailed: false, previous };
  } catch (error) {
    if (!CompareFailedError.is(error)) throw error;
    // Where in the order it stood the SDK does not tell.
    return {
      revision: 0,
      compareFailed: true,
      previous: current(error as CompareFailedError<string>),
    };
  }
}

interface Told {
  readonly previous?: { readonly value: string; readonly revision: number } | null | undefined;
  readonly resultKept?: false | undefined;
}

function toldBy({ previous, resultKept }: Told): Look['previous'] {
  if (resultKept === false) throw new Error('a result of a few bytes was not kept');
  return previous;
}

function current({ current: there }: CompareFailedError<string>): Look['previous'] {
  return there && { revision: there.revision, value: there.value ?? null };
}
