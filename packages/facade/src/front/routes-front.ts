import type { Clock } from '@dougdb/ports';
import {
  checkKeyBytes,
  DescribeRequest,
  DescribeResponse,
  DougError,
  decodeRequest,
  EndpointKind,
  LookupRequest,
  LookupResponse,
  limits,
} from '@dougdb/rpc-proto';
import { hintOf } from '../map/route-hint.js';
import { pause } from '../pause.js';
import type { Router } from '../routing/router.js';
import type { CallContext } from './data-front.js';

/** How often the map is looked at for a key that is looked up. */
const LOOK_MS = 20;

/** What the front is made of. */
export interface RoutesFrontPorts {
  readonly clock: Clock;
  readonly router: Router;
  readonly version: string;
  /** Of a partition, as it was last heard; 0: not known. */
  readonly logTime: (partitionId: number) => number;
  /** @throws DougError STARTING */
  readonly checkJoined: () => void;
  /** @throws DougError CLUSTER_MISMATCH */
  readonly checkCluster: (clusterId: Uint8Array) => void;
}

/** dougdb.v1.Routes: the facade's own map. */
export class RoutesFront {
  readonly #ports: RoutesFrontPorts;

  constructor(ports: RoutesFrontPorts) {
    this.#ports = ports;
  }

  /** @throws DougError STARTING while the facade has not found its cluster */
  describe(request: Uint8Array): Uint8Array {
    decodeRequest(DescribeRequest, request);
    const { router, version, logTime, checkJoined } = this.#ports;
    checkJoined();
    const { map } = router;
    const { keyBytes, valueBytes } = router.limits;
    // Whoever asks has no request yet that could meet the gap, so the gap is told of here.
    if (map.gap !== null) router.seek(new Uint8Array(map.gap));
    return DescribeResponse.encode({
      clusterId: router.finder.clusterId,
      kind: EndpointKind.ENDPOINT_KIND_FACADE,
      nodeId: 0,
      nodes: map.nodes,
      partitions: map.routes.map((route) => hintOf(map, route, logTime(route.partitionId))),
      limits: { keyBytes, valueBytes, requestBytes: limits.requestBytes },
      version,
    }).finish();
  }

  /** The partition that holds a key; waits for it while the caller does. @throws DougError */
  async lookup(request: Uint8Array, { deadlineMs, signal }: CallContext): Promise<Uint8Array> {
    const { context, key } = decodeRequest(LookupRequest, request);
    checkKeyBytes(key.length);
    const { clock, router, logTime, checkJoined, checkCluster } = this.#ports;
    checkJoined();
    if (context !== undefined) checkCluster(context.clusterId);
    for (;;) {
      const route = router.map.lookup(key);
      if (route !== null) {
        const hint = hintOf(router.map, route, logTime(route.partitionId));
        return LookupResponse.encode({ clusterId: router.finder.clusterId, route: hint }).finish();
      }
      router.seek(new Uint8Array(key));
      if (signal?.aborted || clock.monotonicMs() + LOOK_MS >= deadlineMs) {
        throw new DougError('NO_LEADER', 'no partition is known for this key');
      }
      await pause(clock, LOOK_MS, signal);
    }
  }
}
