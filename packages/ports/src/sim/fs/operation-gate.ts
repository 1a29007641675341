import { SimFsError } from './fs-error.js';
import {
  type Fault,
  isMutating,
  matches,
  type Operation,
  type OperationHook,
  type OperationKind,
  type OperationMatch,
  type Verdict,
} from './operation.js';

interface Rule {
  readonly match: OperationMatch;
  readonly fault: Fault;
  left: number;
}

/** Where an operation stands in the count, and what it is to meet. */
export interface Passage {
  readonly ordinal: number;
  readonly fault: Fault | null;
}

/** Every operation passes here: it is counted, and rules, hook and planned crash decide on it. */
export class OperationGate {
  readonly #onCrash: () => void;
  readonly #rules: Rule[] = [];
  #hook: OperationHook | null = null;
  #count = 0;
  #mutations = 0;
  #crashAtCount = Number.POSITIVE_INFINITY;
  #crashAtMutation = Number.POSITIVE_INFINITY;
  #crashed = false;

  constructor(onCrash: () => void) {
    this.#onCrash = onCrash;
  }

  get count(): number {
    return this.#count;
  }

  get mutations(): number {
    return this.#mutations;
  }

  get crashed(): boolean {
    return this.#crashed;
  }

  set hook(hook: OperationHook | null) {
    this.#hook = hook;
  }

  crashAt(count: number, mutation: number): void {
    this.#crashAtCount = count;
    this.#crashAtMutation = mutation;
  }

  /** After a restart: no planned crash, no rules; counts and hook stay. */
  reset(): void {
    this.#crashed = false;
    this.crashAt(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY);
    this.#rules.length = 0;
  }

  addRule(match: OperationMatch, verdict: Exclude<Verdict, 'ok'>, times: number): void {
    this.#rules.push({ match, fault: toFault(verdict), left: times });
  }

  /** @throws ESIMCRASH once the power has failed; the code of an 'error' fault that is not a sync's */
  pass(
    kind: OperationKind,
    path: string,
    blocking: boolean,
    offset = 0,
    length = 0,
    toPath = '',
  ): Passage {
    if (this.#crashed) throw new SimFsError('ESIMCRASH', kind, path);
    const ordinal = ++this.#count;
    if (isMutating(kind)) this.#mutations++;
    if (ordinal >= this.#crashAtCount || this.#mutations >= this.#crashAtMutation) {
      this.#crash(kind, path);
    }
    if (this.#hook === null && this.#rules.length === 0) return { ordinal, fault: null };
    const fault = this.#judge({ kind, path, toPath, offset, length, ordinal, blocking });
    if (fault?.fault === 'crash') this.#crash(kind, path);
    if (fault?.fault === 'stall' && blocking) {
      throw new TypeError(`a blocking ${kind} of ${path} cannot stall: nothing could release it`);
    }
    return { ordinal, fault };
  }

  #judge(operation: Operation): Fault | null {
    const rule = this.#rules.find(({ match }) => matches(match, operation));
    if (rule !== undefined) {
      rule.left--;
      if (rule.left === 0) this.#rules.splice(this.#rules.indexOf(rule), 1);
      return rule.fault;
    }
    const verdict = this.#hook?.(operation) ?? 'ok';
    return verdict === 'ok' ? null : toFault(verdict);
  }

  #crash(kind: OperationKind, path: string): never {
    this.#crashed = true;
    this.#onCrash();
    throw new SimFsError('ESIMCRASH', kind, path);
  }
}

function toFault(verdict: Exclude<Verdict, 'ok'>): Fault {
  return typeof verdict === 'string' ? { fault: 'error', code: verdict } : verdict;
}
