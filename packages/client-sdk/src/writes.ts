import { DougError } from '@dougdb/rpc-proto';
import type { CallOptions } from './options.js';

/**
 * What a put takes. A put without `ifRevision`, `ifAbsent` and `returnPrevious` is blind: it does not look
 * at what is there.
 */
export interface PutOptions<P extends boolean = boolean> extends CallOptions {
  /** Take effect only if the key was last written at this revision. */
  readonly ifRevision?: number | undefined;
  /** Take effect only if the key is not there. Not together with `ifRevision`. */
  readonly ifAbsent?: boolean | undefined;
  /** Answer what was there before; of a condition that is not met: what stands in the way. */
  readonly returnPrevious?: P | undefined;
  /**
   * The key goes by itself when so much time has passed, by the clock of the partition's leaders. A later put counts
   * anew, and one without it stays. Such a put is blind all the same.
   */
  readonly ttlMs?: number | undefined;
}

/** What a delete takes. Without any of it a delete is blind: it does not look at what is there. */
export interface DeleteOptions<P extends boolean = boolean, E extends boolean = boolean>
  extends CallOptions {
  /** Take effect only if the key was last written at this revision. */
  readonly ifRevision?: number | undefined;
  /** Answer what was there before; of a condition that is not met: what stands in the way. */
  readonly returnPrevious?: P | undefined;
  /** Answer whether the key was there. */
  readonly returnExisted?: E | undefined;
}

/** What every write answers. */
export interface WriteResult {
  /**
   * The revision of the partition that this write made. Of a delete that looked and found nothing: the one
   * at which it looked.
   */
  readonly revision: number;
}

/** A value and when it was written. */
export interface Previous<V = string> {
  readonly value: V;
  readonly revision: number;
}

/** What a put answers; `previous` is null where nothing was. See {@link Detailed}. */
export type PutResult<V = string, P extends boolean = boolean> = [P] extends [false]
  ? WriteResult
  : Detailed<Asked<P, { readonly previous: Previous<V> | null }>>;

/** What a delete answers; `previous` is null where nothing was. See {@link Detailed}. */
export type DeleteResult<V = string, P extends boolean = boolean, E extends boolean = boolean> = [
  P | E,
] extends [false]
  ? WriteResult
  : Detailed<
      Asked<P, { readonly previous: Previous<V> | null }> & Asked<E, { readonly existed: boolean }>
    >;

/**
 * A write that was asked for details. `resultKept: false`: it took effect, its first answer was lost, and
 * when it was asked for again the partition remembered no more than that (details over 4 KiB are not kept,
 * and none while very many are). Then the details are missing.
 */
export type Detailed<D> = WriteResult &
  (
    | (D & { readonly resultKept?: undefined })
    | ({ readonly [name in keyof D]?: undefined } & { readonly resultKept: false })
  );

/** Details that the compiler knows to be asked for, not to be, or does not know about. */
type Asked<Flag extends boolean, D> = [Flag] extends [true]
  ? D
  : [Flag] extends [false]
    ? unknown
    : Partial<D>;

/** What a write that is not blind looks at, checked. */
export interface Look {
  /** 0: none. */
  readonly ifRevision: number;
  readonly ifAbsent: boolean;
  readonly returnPrevious: boolean;
  readonly returnExisted: boolean;
}

/** @returns null: the write is blind @throws DougError INVALID_ARGUMENT */
export function lookOf(kind: 'put' | 'delete', options: PutOptions & DeleteOptions): Look | null {
  const { ifRevision, ifAbsent, returnPrevious, returnExisted } = options;
  if (kind === 'delete' && ifAbsent !== undefined) throw invalid('a delete has no ifAbsent');
  if (kind === 'delete' && options.ttlMs !== undefined) throw invalid('a delete has no ttlMs');
  if (kind === 'put' && returnExisted !== undefined) throw invalid('a put has no returnExisted');
  if (ifRevision !== undefined && !(Number.isSafeInteger(ifRevision) && ifRevision >= 1)) {
    throw invalid(`ifRevision must be an integer of at least 1, not ${String(ifRevision)}`);
  }
  const look = {
    ifRevision: ifRevision ?? 0,
    ifAbsent: checkFlag('ifAbsent', ifAbsent),
    returnPrevious: checkFlag('returnPrevious', returnPrevious),
    returnExisted: checkFlag('returnExisted', returnExisted),
  };
  if (look.ifAbsent && look.ifRevision > 0) throw invalid('ifAbsent together with ifRevision');
  const isBlind =
    look.ifRevision === 0 && !look.ifAbsent && !look.returnPrevious && !look.returnExisted;
  return isBlind ? null : look;
}

/** Something true that is not `true` would mean a condition to the reader and none to the wire. */
function checkFlag(name: string, flag: boolean | undefined): boolean {
  if (flag === undefined || typeof flag === 'boolean') return flag === true;
  throw invalid(`${name} must be true or false, not ${String(flag)}`);
}

function invalid(message: string): DougError {
  return new DougError('INVALID_ARGUMENT', message);
}
