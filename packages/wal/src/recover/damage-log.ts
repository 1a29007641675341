import type { Logger } from '@dougdb/ports';
import { type Corruption, WalError, WalErrorCode } from '../contract.js';
import { WalEvent } from '../telemetry.js';

/**
 * Where damage goes: in strict mode the first one ends the opening, in replicated mode they are gathered
 * for the host.
 */
export class DamageLog {
  readonly found: Corruption[] = [];
  /** Frames whose directory is lost: any log may miss operations. */
  lostFrames = 0;
  readonly #mode: 'strict' | 'replicated';
  readonly #logger: Logger;

  constructor(mode: 'strict' | 'replicated', logger: Logger) {
    this.#mode = mode;
    this.#logger = logger;
  }

  get isStrict(): boolean {
    return this.#mode === 'strict';
  }

  /** @throws WalError WAL_CORRUPT in strict mode */
  report(file: string, offset: number, what: string): void {
    this.#logger.error(WalEvent.Corrupt, { file, offset, what });
    if (this.isStrict) throw this.refusal(file, offset, what);
    this.found.push({ file, offset, what });
  }

  /** For damage that no mode can live with. */
  refusal(file: string, offset: number, what: string): WalError {
    const message = `${file} is damaged at ${offset}: ${what}`;
    return new WalError(WalErrorCode.Corrupt, message, { file, offset });
  }
}
