import type { FakeItem, FakeVerdict } from './fake-cluster.js';

/** Which calls a fault meets, and how many of them. */
export interface FaultScope {
  /** Default 1. */
  readonly times?: number | undefined;
  /** Only calls with this key; of a scan: the chunk that begins there. Default: any. */
  readonly key?: string | undefined;
  /** Default: any. */
  readonly kind?: FakeItem['kind'] | undefined;
}

interface Fault {
  readonly verdict: FakeVerdict;
  readonly scope: FaultScope;
  left: number;
}

/** Faults in the order in which they were asked for: each meets the next calls that it is meant for. */
export class FaultScript {
  readonly #faults: Fault[] = [];
  /** What became of writes of the message that is being judged: nodes refuse a key's writes as they come. */
  readonly #refused = new Map<string, FakeVerdict>();
  #message = -1;

  add(verdict: FakeVerdict, scope: FaultScope): void {
    this.#faults.push({ verdict, scope, left: scope.times ?? 1 });
  }

  /** Takes all faults back that have not met anything. */
  clear(): void {
    this.#faults.length = 0;
  }

  judge(item: FakeItem): FakeVerdict {
    const { message, key, kind } = item;
    if (message !== this.#message) this.#refused.clear();
    this.#message = message;
    const isWrite = kind !== 'get' && kind !== 'scan';
    const before = isWrite ? this.#refused.get(key) : undefined;
    if (before !== undefined) return before;
    const at = this.#faults.findIndex(({ scope }) => meets(scope, item));
    const fault = this.#faults[at];
    if (fault === undefined) return 'serve';
    if (--fault.left === 0) this.#faults.splice(at, 1);
    if (isWrite && typeof fault.verdict === 'object') this.#refused.set(key, fault.verdict);
    return fault.verdict;
  }
}

function meets({ key, kind }: FaultScope, item: FakeItem): boolean {
  return (key === undefined || key === item.key) && (kind === undefined || kind === item.kind);
}
