import type { Clock, Random } from '@dougdb/ports';
import { type BackoffOptions, backoffMs } from '../backoff.js';

/** What proxies are chosen with. */
export interface ProxyPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly backoff: BackoffOptions;
  /** Asks an address in the background what it is: `described`, `gone` or `silent` follows. */
  readonly probe: (address: string) => void;
}

interface Proxy {
  readonly address: string;
  isUsable: boolean;
  /** In a row, without a message between them. */
  failures: number;
  /** When it may be asked again; meant while it is not usable. */
  untilMs: number;
  isAsked: boolean;
}

/**
 * The facades that a client may go through. It goes through one, so that what is called together travels
 * together, and changes when that one fails: to any other one, chosen at random so that the clients of a
 * facade that died do not all meet again. One that failed is not tried with requests: it is asked what it
 * is, after a pause that grows, and counts again when it has answered.
 */
export class Proxies {
  readonly #ports: ProxyPorts;
  readonly #proxies = new Map<string, Proxy>();
  #current: Proxy | null = null;
  #unusable = 0;

  constructor(ports: ProxyPorts) {
    this.#ports = ports;
  }

  /** How many are known, usable or not. */
  get size(): number {
    return this.#proxies.size;
  }

  has(address: string): boolean {
    return this.#proxies.has(address);
  }

  /** All that can be used now, the one that is used first. */
  get usable(): string[] {
    const usable = [...this.#proxies.values()].filter(({ isUsable }) => isUsable);
    return usable
      .sort((a, b) => Number(b === this.#current) - Number(a === this.#current))
      .map(({ address }) => address);
  }

  /** The one to go through now; null: none can be used. */
  choose(): string | null {
    if (this.#unusable > 0) this.#probeThoseDue();
    this.#current ??= this.#any(null);
    return this.#current?.address ?? null;
  }

  /** It has said that it is a facade. @returns whether it was one that could not be used before */
  described(address: string): boolean {
    const proxy = this.#proxies.get(address);
    if (proxy === undefined) {
      const fresh = { address, isUsable: true, failures: 0, untilMs: 0, isAsked: false };
      this.#proxies.set(address, fresh);
      return false;
    }
    proxy.isAsked = false;
    // Whoever answers questions and breaks every stream is not to be tried again and again at once.
    return this.#ports.clock.monotonicMs() >= proxy.untilMs && this.#revive(proxy);
  }

  /** It has said that it is something else. */
  gone(address: string): void {
    const proxy = this.#proxies.get(address);
    if (proxy === undefined) return;
    this.#fail(proxy);
    this.#proxies.delete(address);
    this.#unusable--;
  }

  /** It was asked what it is, and has not answered. */
  silent(address: string): void {
    const proxy = this.#proxies.get(address);
    if (proxy === undefined || !proxy.isAsked) return;
    proxy.isAsked = false;
    this.#fail(proxy);
  }

  /** It has answered a request: whatever was wrong with it is over. */
  heard(address: string): void {
    const proxy = this.#proxies.get(address);
    if (proxy === undefined || (proxy.failures === 0 && proxy.isUsable)) return;
    proxy.failures = 0;
    this.#revive(proxy);
  }

  /** It cannot be reached, or does not answer. */
  failed(address: string): void {
    const proxy = this.#proxies.get(address);
    if (proxy !== undefined) this.#fail(proxy);
  }

  /**
   * It says that it cannot serve at the moment, or that nobody behind it can: another one may. Whether it
   * is still there is asked.
   */
  suspect(address: string): void {
    const proxy = this.#proxies.get(address);
    if (proxy === undefined) return;
    if (proxy === this.#current) this.#current = this.#any(proxy) ?? proxy;
    this.#ask(proxy);
  }

  #any(except: Proxy | null): Proxy | null {
    const able = [...this.#proxies.values()].filter((one) => one.isUsable && one !== except);
    if (able.length < 2) return able[0] ?? null;
    return able[Math.floor(this.#ports.random.next() * able.length)] ?? null;
  }

  #fail(proxy: Proxy): void {
    const { clock, random, backoff } = this.#ports;
    proxy.failures++;
    proxy.untilMs = clock.monotonicMs() + backoffMs(proxy.failures, random, backoff);
    if (proxy === this.#current) this.#current = null;
    if (!proxy.isUsable) return;
    proxy.isUsable = false;
    this.#unusable++;
  }

  #revive(proxy: Proxy): boolean {
    if (proxy.isUsable) return false;
    proxy.isUsable = true;
    this.#unusable--;
    return true;
  }

  #probeThoseDue(): void {
    const nowMs = this.#ports.clock.monotonicMs();
    for (const proxy of this.#proxies.values()) {
      if (!proxy.isUsable && nowMs >= proxy.untilMs) this.#ask(proxy);
    }
  }

  #ask(proxy: Proxy): void {
    if (proxy.isAsked) return;
    proxy.isAsked = true;
    this.#ports.probe(proxy.address);
  }
}
