import { Kind } from '../../src/encoding/internal-key.js';

export interface ModelVersion {
  readonly key: string;
  readonly sequence: number;
  readonly kind: Kind;
  readonly value: string;
}

/** What a database must show: every version that was ever written, and what each freeze held. */
export class Model {
  versions: ModelVersion[] = [];
  /** Number of versions at each freeze, by host state. */
  readonly freezes = new Map<string, number>();
  sequence = 0;
  floor = 0;

  write(key: string, kind: Kind, value = ''): ModelVersion {
    const version = { key, sequence: this.sequence, kind, value };
    this.versions.push(version);
    return version;
  }

  freeze(state: string): void {
    this.freezes.set(state, this.versions.length);
  }

  /** Goes back to what a freeze held (null: to nothing): a restart without the log. */
  restart(state: string | null): void {
    const kept = state === null ? 0 : this.freezes.get(state);
    if (kept === undefined) throw new Error(`${state} was never frozen`);
    this.versions = this.versions.slice(0, kept);
    this.sequence = this.versions.at(-1)?.sequence ?? 0;
  }

  get(key: string, atMost: number): string | null {
    let newest: ModelVersion | null = null;
    for (const version of this.versions) {
      if (version.key === key && version.sequence <= atMost) newest = version;
    }
    return newest === null || newest.kind === Kind.Delete ? null : lineOf(newest);
  }

  /** As dump() shows it. Keys are ASCII: their order is the bytes'. */
  list(
    options: {
      readonly start?: string | undefined;
      readonly end?: string | undefined;
      readonly reverse?: boolean | undefined;
      readonly sequence?: number | undefined;
    } = {},
  ): string[] {
    const { start, end, reverse, sequence = Number.MAX_SAFE_INTEGER } = options;
    const newest = new Map<string, ModelVersion>();
    for (const version of this.versions) {
      if (version.sequence <= sequence) newest.set(version.key, version);
    }
    const shown = [...newest.values()]
      .filter(({ kind }) => kind !== Kind.Delete)
      .filter(
        ({ key }) => (start === undefined || key >= start) && (end === undefined || key < end),
      )
      .sort((a, b) => (a.key < b.key ? -1 : 1))
      .map((version) => `${version.key}=${lineOf(version)}`);
    return reverse === true ? shown.reverse() : shown;
  }
}

function lineOf({ value, sequence, kind }: ModelVersion): string {
  return `${value}#${sequence}${kind === Kind.SetMarked ? '*' : ''}`;
}
