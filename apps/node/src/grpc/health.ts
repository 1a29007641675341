import type { Server } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';

/** What may be asked about: the whole server, and the two services that follow readiness. */
const SERVICES = ['', 'dougdb.v1.Doug', 'dougdb.raft.v1.Raft'];

/** grpc.health.v1: SERVING while the member is ready. */
export class Health {
  readonly #implementation = new HealthImplementation(
    Object.fromEntries(SERVICES.map((service) => [service, 'NOT_SERVING' as const])),
  );
  #ready = false;

  addTo(server: Server): void {
    this.#implementation.addToServer(server);
  }

  set(ready: boolean): void {
    if (ready === this.#ready) return;
    this.#ready = ready;
    for (const service of SERVICES) {
      this.#implementation.setStatus(service, ready ? 'SERVING' : 'NOT_SERVING');
    }
  }
}
