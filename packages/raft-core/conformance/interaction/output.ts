export const LEVELS = ['DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL', 'NONE'] as const;
export type Level = (typeof LEVELS)[number];

/** What a directive prints. At level NONE only its errors are shown. */
export class Output {
  level: Level = 'DEBUG';
  #text = '';
  #indents: string[] = [];

  write(text: string): void {
    this.#text += text;
  }

  /** What `run` prints stands two spaces further in. */
  indented(run: () => void): void {
    this.#indents.push(this.#text);
    this.#text = '';
    try {
      run();
    } finally {
      const lines = this.#text.split('\n');
      if (lines[lines.length - 1] === '') lines.pop();
      this.#text = (this.#indents.pop() ?? '') + lines.map((line) => `  ${line}\n`).join('');
    }
  }

  /** Everything since the last call. */
  take({ error }: { readonly error: string | null }): string {
    const text = this.#text;
    this.#text = '';
    this.#indents = [];
    if (this.level === 'NONE') return error ?? 'ok';
    const all = text + (error ?? '');
    return all === '' ? 'ok' : all;
  }
}
