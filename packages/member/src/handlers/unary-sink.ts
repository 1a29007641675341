import type { AnswerSink, ReadMark } from '@dougdb/replica';
import type { DougError, LookedWrite } from '@dougdb/rpc-proto';

/** What one operation came to. */
export type UnaryAnswer =
  | { readonly kind: 'written'; readonly revision: number }
  | { readonly kind: 'looked'; readonly write: LookedWrite }
  | {
      readonly kind: 'found';
      readonly value: Uint8Array;
      readonly revision: number;
      /** Log time; 0: never. */
      readonly expiresAt: number;
      readonly mark: ReadMark;
    }
  | { readonly kind: 'absent'; readonly mark: ReadMark };

/** Runs one operation of a replica as a promise. Rejects with the DougError that the replica gave. */
export function oneAnswer(run: (sink: AnswerSink, id: number) => void): Promise<UnaryAnswer> {
  return new Promise((resolve, reject) => {
    const sink: AnswerSink = {
      written: (_id, revision) => resolve({ kind: 'written', revision }),
      looked: (_id, write) => resolve({ kind: 'looked', write }),
      found: (_id, value, revision, expiresAt, mark) =>
        resolve({ kind: 'found', value, revision, expiresAt, mark }),
      absent: (_id, mark) => resolve({ kind: 'absent', mark }),
      failed: (_id, error: DougError) => reject(error),
    };
    run(sink, 1);
  });
}
