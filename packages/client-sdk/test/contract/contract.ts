import type { DougClient } from '../../src/core.js';
import { describeBounds } from './bounds.js';
import { describeConditions } from './conditions.js';
import { describeEnds } from './ends.js';
import { describeMoments } from './moments.js';
import { describeReads } from './reads.js';
import { describeScans } from './scans.js';
import type { ContractTarget } from './target.js';
import { describeTransactions } from './transactions.js';
import { describeTrouble } from './trouble.js';
import { describeValues } from './values.js';
import { describeWatches } from './watches.js';
import { describeWrites } from './writes.js';

export type { ContractTarget } from './target.js';

/**
 * What `@dougdb/client` promises, as tests: whatever stands behind a client must pass them. They leave
 * other keys of the store alone, and may run on a store that is used already.
 */
export function describeContract(name: string, open: () => Promise<ContractTarget>): void {
  describe(`the contract of the client, ${name}`, () => {
    let target: ContractTarget;
    let db: DougClient;

    beforeAll(async () => {
      target = await open();
      db = await target.connect();
    }, 120_000);

    afterAll(async () => {
      await db?.close();
      await target?.close();
    }, 60_000);

    const given = () => ({ target, db });
    describeWrites(given);
    describeConditions(given);
    describeReads(given);
    describeScans(given);
    describeTransactions(given);
    describeMoments(given);
    describeValues(given);
    describeBounds(given);
    describeEnds(given);
    describeTrouble(given);
    describeWatches(given);
  });
}
