import { isLoopback } from '../address.js';
import { UsageError } from '../usage-error.js';

/** Addresses that a process listens on. */
export interface Exposure {
  readonly listen: string;
  readonly admin: string;
  readonly insecure: boolean;
}

/**
 * Without TLS and authentication whoever reaches the port owns the data.
 * @throws UsageError for an address that is not loopback, unless `insecure` says that this is wanted
 */
export function checkExposure({ listen, admin, insecure }: Exposure): void {
  for (const [flag, address] of [
    ['--listen', listen],
    ['--admin', admin],
  ] as const) {
    if (!isLoopback(address) && !insecure) {
      throw new UsageError(
        `${flag} ${address} is not loopback: there is no TLS yet, so it needs --insecure`,
      );
    }
  }
}
