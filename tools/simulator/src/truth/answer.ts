/** A key as somebody found it. */
export interface Pair {
  readonly key: string;
  readonly value: string;
  readonly revision: number;
}

/** What one step of a transaction answers. */
export type StepAnswer =
  | { readonly kind: 'written'; readonly existed: boolean; readonly previous: Pair | null }
  | { readonly kind: 'found'; readonly pair: Pair | null }
  | { readonly kind: 'scanned'; readonly pairs: readonly Pair[]; readonly more: boolean }
  | { readonly kind: 'deleted'; readonly count: number };

/** What became of a command at its place in the log. */
export interface Answer {
  readonly outcome: 'applied' | 'unknown-session' | 'forgotten' | 'busy' | 'too-many-keys';
  readonly index: number;
  /** At which it took effect; where nothing changed, the partition's. */
  readonly revision: number;
  readonly changed: boolean;
  /** A condition was not met; of a transaction: its failure list was carried out. */
  readonly compareFailed: boolean;
  /** Of a put or delete that looked: what was there. undefined: it did not look. */
  readonly previous?: Pair | null;
  readonly steps?: readonly StepAnswer[];
  readonly deleted?: number;
  readonly resumeKey?: string | null;
}
