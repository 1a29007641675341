/**
 * One thing that happened to a simulated disk, as a {@link Recording} keeps it. Effects stand in the order in
 * which they took place: an asynchronous write counts when it ends, a sync covers what had ended when it
 * began. What failed without a change leaves no effect. `file` numbers a file, whatever its names are;
 * `ordinal` is that of the operation.
 */
export type DiskEffect =
  | {
      readonly effect: 'create';
      readonly path: string;
      readonly file: number;
      readonly ordinal: number;
    }
  | { readonly effect: 'mkdir' | 'remove'; readonly path: string; readonly ordinal: number }
  | {
      readonly effect: 'rename' | 'link';
      readonly path: string;
      readonly toPath: string;
      readonly ordinal: number;
    }
  /** What was written: less than was asked for on a full disk, at another place if it was misdirected. */
  | {
      readonly effect: 'write';
      readonly path: string;
      readonly file: number;
      readonly position: number;
      readonly bytes: Uint8Array;
      readonly ordinal: number;
    }
  | {
      readonly effect: 'truncate';
      readonly path: string;
      readonly file: number;
      readonly sizeBytes: number;
      readonly ordinal: number;
    }
  /** Between these two any part of an asynchronous write may be on the disk; its 'write' comes with the end. */
  | {
      readonly effect: 'write begins';
      readonly path: string;
      readonly file: number;
      readonly position: number;
      readonly bytes: Uint8Array;
      readonly ordinal: number;
    }
  | { readonly effect: 'write ends'; readonly path: string; readonly ordinal: number }
  /** A datasync of a file, or a syncDir (`file` is null). */
  | {
      readonly effect: 'sync begins';
      readonly path: string;
      readonly file: number | null;
      readonly ordinal: number;
    }
  | {
      readonly effect: 'sync ends';
      readonly path: string;
      readonly ordinal: number;
      /** 'lied': success was told, nothing was made durable. */
      readonly outcome: 'done' | 'failed' | 'lied';
    }
  /** What a test did behind everyone's back: {@link SimFs.corrupt}, {@link SimFs.plant}. */
  | {
      readonly effect: 'corrupt';
      readonly path: string;
      readonly file: number;
      readonly byteOffset: number;
      readonly xorMask: number;
      readonly ordinal: number;
    }
  | {
      readonly effect: 'plant';
      readonly path: string;
      readonly file: number;
      readonly bytes: Uint8Array;
      readonly ordinal: number;
    };
