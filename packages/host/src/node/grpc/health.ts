import type { Server } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';

/** grpc.health.v1: SERVING while the process is ready. */
export class Health {
  readonly #services: readonly string[];
  readonly #implementation: HealthImplementation;
  #ready = false;

  /** @param services - what may be asked about beside '', the whole server */
  constructor(services: readonly string[]) {
    this.#services = ['', ...services];
    this.#implementation = new HealthImplementation(
      Object.fromEntries(this.#services.map((service) => [service, 'NOT_SERVING' as const])),
    );
  }

  addTo(server: Server): void {
    this.#implementation.addToServer(server);
  }

  set(ready: boolean): void {
    if (ready === this.#ready) return;
    this.#ready = ready;
    for (const service of this.#services) {
      this.#implementation.setStatus(service, ready ? 'SERVING' : 'NOT_SERVING');
    }
  }
}
