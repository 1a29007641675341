import type { Clock, Logger, Random, Timer } from '@dougdb/ports';
import type { PartitionDescriptor } from '@dougdb/rpc-proto';
import type { PartitionMap, Route } from '../routing/partition-map.js';
import { descriptorOf } from './route-hint.js';

/** Long enough for a request to find its way between two forgeries, mostly. */
const FORGE_MS = 40;

/**
 * Makes a map wrong all the time: ranges, epochs, leaders, partitions that do not exist, gaps. For tests
 * of the rule that a wrong map makes requests slow, and answers never wrong.
 */
export class MapForger {
  readonly #map: PartitionMap;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #random: Random;
  #timer: Timer | null = null;
  #forgeries = 0;

  constructor(map: PartitionMap, clock: Clock, logger: Logger, random: Random) {
    this.#map = map;
    this.#clock = clock;
    this.#logger = logger;
    this.#random = random;
  }

  /** How often the map was made wrong. */
  get forgeries(): number {
    return this.#forgeries;
  }

  start(): void {
    this.#logger.warn('facade.map.forged', {
      reason: 'a test switch is on: the map is made wrong',
    });
    this.#schedule();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #schedule(): void {
    this.#timer = this.#clock.setTimer(FORGE_MS, () => {
      this.#forge();
      this.#schedule();
    });
  }

  #forge(): void {
    const routes = this.#map.routes;
    const route = routes[this.#below(routes.length)];
    if (route === undefined) return;
    this.#forgeries++;
    switch (this.#below(6)) {
      case 0:
        this.#map.installLeader(route.partitionId, 1 + this.#below(9));
        return;
      case 1:
        this.#map.forgetEpoch(route.partitionId, route.epochVersion);
        return;
      case 2:
        this.#install({ ...descriptorOf(route), epoch: this.#epoch(route, 1_000) });
        return;
      case 3:
        this.#replace(route, { epoch: this.#epoch(route, 0) });
        return;
      case 4:
        this.#replace(route, this.#range());
        return;
      default:
        this.#install({
          ...descriptorOf(route),
          ...this.#range(),
          partitionId: 2 + this.#below(1_000),
          epoch: this.#epoch(route, 1_000),
        });
    }
  }

  /** Another range or epoch for the same partition, whatever is known of it. */
  #replace(route: Route, change: Partial<PartitionDescriptor>): void {
    this.#map.forgetEpoch(route.partitionId, route.epochVersion);
    this.#install({ ...descriptorOf(route), ...change });
  }

  #install(partition: PartitionDescriptor): void {
    const leaderNodeId = 1 + this.#below(9);
    this.#map.install({ partition, leaderNodeId, nodes: [], logTime: 0 });
  }

  #epoch(route: Route, above: number): { version: number; conf: number } {
    const version =
      above > 0 ? route.epochVersion + this.#below(above) : this.#below(route.epochVersion + 1);
    return { version, conf: this.#below(5) };
  }

  /** Between two keys of one letter, or to the end. */
  #range(): { start: Uint8Array; end: Uint8Array } {
    const first = 97 + this.#below(26);
    const last = first + 1 + this.#below(26);
    return {
      start: this.#below(4) === 0 ? new Uint8Array(0) : Uint8Array.of(first),
      end: last > 122 ? new Uint8Array(0) : Uint8Array.of(last),
    };
  }

  #below(bound: number): number {
    return Math.floor(this.#random.next() * bound);
  }
}
