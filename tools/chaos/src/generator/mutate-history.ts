import type { SimRandom } from '@dougdb/ports/sim';
import type { Call, OperationRecord } from '../history/operation.js';

/** A history that is not linearizable any more, and the key to blame. */
export interface MutatedHistory {
  readonly records: readonly OperationRecord[];
  readonly key: string;
}

/**
 * Plants one violation in a history of `generateHistory`. Values are unique there, so each of these is
 * certain: no order can explain it.
 * @returns null if the history has no place for it
 */
export function mutateHistory(
  records: readonly OperationRecord[],
  mutation: Mutation,
  random: SimRandom,
): MutatedHistory | null {
  const places = operationsOfKeys(records).flatMap(placesFor[mutation]);
  if (places.length === 0) return null;
  const { at, becomes } = random.pick(places);
  const changed = records.flatMap((record, i) => (i !== at ? [record] : (becomes ?? [])));
  return { records: changed, key: (records[at] as OperationRecord).call.key };
}

/** An operation, and where it stands in the history. */
interface Placed {
  readonly at: number;
  readonly record: OperationRecord;
}

/** The operation there becomes another one; null: it is gone. */
interface Change {
  readonly at: number;
  readonly becomes: OperationRecord | null;
}

const phantom = 'nobody wrote this';

/** What a store can do wrong, as clients see it: all places for it among the operations of one key. */
const placesFor = {
  'phantom-read': (own) => reads(own).map((read) => rereads(read, phantom)),
  'aborted-read': (own) =>
    seenPuts(own).map(({ at, record }) => ({
      at,
      becomes: { ...record, status: 'fail', answer: {}, return: record.return ?? record.invoke },
    })),
  'forgotten-write': (own) => seenPuts(own).map(({ at }) => ({ at, becomes: null })),
  'wrong-prev': (own) =>
    own
      .filter(({ record }) => record.answer.prev !== undefined)
      .map(({ at, record }) => ({
        at,
        becomes: { ...record, answer: { ...withoutFacts(record), prev: phantom } },
      })),
  'stale-read': (own) =>
    reads(own).flatMap((read) => {
      const before = puts(own).filter((put) => precedes(put, read));
      return before
        .filter((old) => before.some((newer) => precedes(old, newer)))
        .slice(0, 1)
        .map((old) => rereads(read, writtenBy(old)));
    }),
  'lost-write': (own) =>
    reads(own)
      .filter((read) =>
        puts(own).some(
          (put) =>
            precedes(put, read) &&
            own.filter(mayRemove).every((it) => precedes(it, put) || precedes(read, it)),
        ),
      )
      .map((read) => rereads(read, null)),
  'future-read': (own) =>
    reads(own).flatMap((read) =>
      puts(own)
        .filter((put) => precedes(read, put))
        .slice(0, 1)
        .map((put) => rereads(read, writtenBy(put))),
    ),
  'double-swap': (own) => {
    const swaps = own.filter(({ record }) => record.answer.result === true);
    const expected = swaps.map(({ record }) => expectedBy(record.call)).find((e) => e !== null);
    if (expected === undefined) return [];
    return own
      .filter(({ record }) => record.answer.result === false)
      .map(({ at, record }) => ({
        at,
        becomes: { ...record, call: { ...record.call, expected } as Call, answer: {} },
      }));
  },
  'applied-twice': (own) =>
    own
      .filter(({ record }) => record.call.op === 'append' && record.status !== 'fail')
      .flatMap((append) => {
        const suffix = writtenBy(append);
        return reads(own)
          .filter(({ record }) => record.answer.value?.endsWith(suffix))
          .slice(0, 1)
          .map((read) => rereads(read, `${read.record.answer.value}${suffix}`));
      }),
} as const satisfies Readonly<Record<string, (own: readonly Placed[]) => Change[]>>;

export type Mutation = keyof typeof placesFor;
export const mutations = Object.keys(placesFor) as Mutation[];

function operationsOfKeys(records: readonly OperationRecord[]): Placed[][] {
  const byKey = new Map<string, Placed[]>();
  records.forEach((record, at) => {
    const own = byKey.get(record.call.key);
    if (own === undefined) byKey.set(record.call.key, [{ at, record }]);
    else own.push({ at, record });
  });
  return [...byKey.values()];
}

function reads(own: readonly Placed[]): Placed[] {
  return own.filter(({ record }) => record.call.op === 'get' && record.status === 'ok');
}

function puts(own: readonly Placed[]): Placed[] {
  return own.filter(({ record }) => record.call.op === 'put' && record.status === 'ok');
}

/** Puts, also of unknown outcome, whose value was read. */
function seenPuts(own: readonly Placed[]): Placed[] {
  const seen = new Set(reads(own).map(({ record }) => record.answer.value));
  return own.filter(({ record: { call } }) => call.op === 'put' && seen.has(call.value));
}

function rereads({ at, record }: Placed, value: string | null): Change {
  return { at, becomes: { ...record, answer: { value } } };
}

/** Certainly: the one had returned when the other was called. */
function precedes(a: Placed, b: Placed): boolean {
  if (a.record.status === 'unknown' || a.record.return === null) return false;
  return a.record.return < b.record.invoke;
}

function mayRemove({ record: { call, status } }: Placed): boolean {
  if (status === 'fail') return false;
  return call.op === 'delete' || (call.op === 'cas' && call.value === null);
}

function writtenBy({ record: { call } }: Placed): string {
  return 'value' in call ? (call.value ?? '') : '';
}

function expectedBy(call: Call): string | null {
  return call.op === 'cas' ? call.expected : null;
}

/** The answer without what may contradict another fact. */
function withoutFacts({ call, answer }: OperationRecord): { readonly result?: boolean } {
  return call.op === 'cas' && answer.result === false ? { result: false } : {};
}
