import {
  type CommandBody,
  type DeleteRangeOperation,
  DeleteRangeResult,
  decodeWhole,
  forEachRange,
  type TxnOperation,
  TxnResult,
  type TxnStep,
  type TxnStepResult,
} from '@dougdb/rpc-proto';
import type { LookedAnswer } from './operation.js';
import type { Span } from './span.js';

/** What an operation of several keys carries. */
export type Body =
  | { readonly kind: 'txn'; readonly txn: TxnOperation }
  | { readonly kind: 'delete-range'; readonly deleteRange: DeleteRangeOperation };

/** What such an operation answers. */
export type BodyResult =
  | { readonly kind: 'txn'; readonly result: TxnResult }
  | { readonly kind: 'delete-range'; readonly result: DeleteRangeResult };

/** Everything that a body names, also in the list that is not carried out; each key once. */
export function spansOf(body: Body): Span[] {
  const spans: Span[] = [];
  const seen = new Set<string>();
  forEachRange({ ...body, firstKey: null } as CommandBody, (start, end) => {
    if (end === null) {
      const name = Buffer.from(start).toString('latin1');
      if (seen.has(name)) return;
      seen.add(name);
    }
    spans.push({ start, end });
  });
  return spans;
}

/** The result of a body; undefined: it makes no sense as an answer to that. */
export function readBodyResult(
  body: Body,
  { compareFailed }: LookedAnswer,
  bytes: Uint8Array,
): BodyResult | undefined {
  try {
    if (body.kind === 'delete-range') {
      return compareFailed
        ? undefined
        : { kind: body.kind, result: decodeWhole(DeleteRangeResult, bytes) };
    }
    const result = decodeWhole(TxnResult, bytes);
    const { success, failure } = body.txn;
    const isWhole =
      result.succeeded !== compareFailed &&
      answers(result.succeeded ? success : failure, result.steps);
    return isWhole ? { kind: body.kind, result } : undefined;
  } catch {
    // Bytes that are no message of that kind are no answer.
    return undefined;
  }
}

function answers(steps: readonly TxnStep[], results: readonly TxnStepResult[]): boolean {
  return (
    steps.length === results.length &&
    steps.every(({ step }, at) => step?.$case === results[at]?.result?.$case)
  );
}
