import type { AnswerSink } from '@dougdb/replica';
import type { DougError, LookedWrite } from '@dougdb/rpc-proto';

/** What one operation came to. */
export type UnaryAnswer =
  | { readonly kind: 'written'; readonly revision: number }
  | { readonly kind: 'looked'; readonly write: LookedWrite }
  | { readonly kind: 'found'; readonly value: Uint8Array; readonly revision: number }
  | { readonly kind: 'absent' };

/** Runs one operation of a replica as a promise. Rejects with the DougError that the replica gave. */
export function oneAnswer(run: (sink: AnswerSink, id: number) => void): Promise<UnaryAnswer> {
  return new Promise((resolve, reject) => {
    const sink: AnswerSink = {
      written: (_id, revision) => resolve({ kind: 'written', revision }),
      looked: (_id, write) => resolve({ kind: 'looked', write }),
      found: (_id, value, revision) => resolve({ kind: 'found', value, revision }),
      absent: () => resolve({ kind: 'absent' }),
      failed: (_id, error: DougError) => reject(error),
    };
    run(sink, 1);
  });
}
