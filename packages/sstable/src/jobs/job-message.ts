import { SstError, SstErrorCode } from '../contract.js';
import { codeOf, isSstError, messageOf } from '../encoding/error-code.js';
import type { TableMeta } from '../table/table-meta.js';

/** What goes to a thread with a job. */
export interface JobInput<Spec> {
  readonly spec: Spec;
  /** Of the JobSwitch. */
  readonly control: SharedArrayBuffer;
}

/**
 * What comes back. A failure is an answer like another one: so a thread that throws is one that could not
 * do its work at all.
 */
export type JobOutput =
  | { readonly tables: readonly TableMeta[] }
  | {
      readonly failure: {
        readonly code: string | null;
        readonly message: string;
        readonly file: string | null;
        readonly offset: number | null;
      };
    };

export function failureOutput(error: unknown): JobOutput {
  const place = isSstError(error) ? error : { file: null, offset: null };
  return {
    failure: {
      code: codeOf(error),
      message: messageOf(error),
      file: place.file,
      offset: place.offset,
    },
  };
}

/** The tables, or the error that the job threw: its code, and where, if it says so. @throws it */
export function takeOutput(output: JobOutput): readonly TableMeta[] {
  if ('tables' in output) return output.tables;
  const { code, message, file, offset } = output.failure;
  const sstCode = Object.values(SstErrorCode).find((known) => known === code);
  if (sstCode === undefined) throw Object.assign(new Error(message), code === null ? {} : { code });
  throw new SstError(sstCode, message, {
    ...(file === null ? {} : { file }),
    ...(offset === null ? {} : { offset }),
  });
}
