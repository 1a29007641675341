import type { Clock, Random } from '@dougdb/ports';
import {
  CompactRequest,
  DougError,
  decodeRequest,
  limits,
  MemberListRequest,
  PartitionListRequest,
  StatusRequest,
  StatusResponse,
  TransferLeaderRequest,
} from '@dougdb/rpc-proto';
import { type BackoffOptions, backoffMs } from '../backoff.js';
import { pause } from '../pause.js';
import { reactTo } from '../routing/route-errors.js';
import type { Router } from '../routing/router.js';
import type { NodeTransport } from '../transport.js';
import { outOfTime } from './call-errors.js';
import type { CallContext } from './data-front.js';

const ADMIN = '/dougdb.admin.v1.Admin';
/** Longest that one node is waited for while others could be asked. */
const ATTEMPT_MS = 2_000;

/** Facts about this process. */
export interface FacadeFacts {
  readonly version: string;
  /** HOST:PORT that it listens on. */
  readonly address: string;
  /** Made anew at each start: a facade has no identity. */
  readonly uuid: Uint8Array;
  readonly uptimeMs: () => number;
}

/** What the front is made of. */
export interface AdminFrontPorts {
  readonly transport: NodeTransport;
  readonly clock: Clock;
  readonly random: Random;
  readonly backoff: BackoffOptions;
  readonly router: Router;
  readonly facts: () => FacadeFacts;
}

/** dougdb.admin.v1.Admin: own matters are answered here, all others by the nodes that they are about. */
export class AdminFront {
  readonly #ports: AdminFrontPorts;

  constructor(ports: AdminFrontPorts) {
    this.#ports = ports;
  }

  /** The state of the facade, or of the node that is meant. */
  async status(request: Uint8Array, call: CallContext): Promise<Uint8Array> {
    const { nodeId } = decodeRequest(StatusRequest, request);
    if (nodeId === 0) return this.#ownStatus();
    const { router, clock } = this.#ports;
    const address = router.map.addressOf(nodeId);
    if (address === undefined) {
      throw new DougError('INVALID_ARGUMENT', `no node ${nodeId} is known here`);
    }
    return this.#ask(address, 'Status', request, call.deadlineMs - clock.monotonicMs(), call);
  }

  /** As any node knows it. */
  memberList(request: Uint8Array, call: CallContext): Promise<Uint8Array> {
    decodeRequest(MemberListRequest, request);
    return this.#askAny('MemberList', request, call);
  }

  /** As any node knows it. */
  partitionList(request: Uint8Array, call: CallContext): Promise<Uint8Array> {
    decodeRequest(PartitionListRequest, request);
    return this.#askAny('PartitionList', request, call);
  }

  /**
   * Goes to the leader of the partition: as the map has it, or else as nodes tell. It is passed on once
   * to each leader; whether it is worth another try is for the operator to say.
   * @param checkCluster - throws CLUSTER_MISMATCH
   */
  async transferLeader(
    request: Uint8Array,
    call: CallContext,
    checkCluster: (clusterId: Uint8Array) => void,
  ): Promise<Uint8Array> {
    const { clusterId, partitionId } = decodeRequest(TransferLeaderRequest, request);
    checkCluster(clusterId);
    return this.#askLeader('TransferLeader', partitionId, request, call);
  }

  /** As {@link transferLeader}: done twice is done once. */
  async compact(
    request: Uint8Array,
    call: CallContext,
    checkCluster: (clusterId: Uint8Array) => void,
  ): Promise<Uint8Array> {
    const { clusterId, partitionId } = decodeRequest(CompactRequest, request);
    checkCluster(clusterId);
    return this.#askLeader('Compact', partitionId, request, call);
  }

  #askLeader(
    method: string,
    partitionId: number,
    request: Uint8Array,
    call: CallContext,
  ): Promise<Uint8Array> {
    const { router } = this.#ports;
    const route = router.map.byId(partitionId);
    let told = route === null ? undefined : router.map.leaderAddress(route);
    return this.#retry(call, async (address, timeoutMs) => {
      const target = told ?? address;
      told = undefined;
      try {
        return await this.#ask(target, method, request, timeoutMs, call);
      } catch (error) {
        const { route: hint } = DougError.from(error);
        if (hint !== undefined) {
          router.learn(hint);
          told = hint.nodes.find(({ nodeId }) => nodeId === hint.leaderNodeId)?.address;
          if (told === target) told = undefined;
        }
        throw error;
      }
    });
  }

  #ownStatus(): Uint8Array {
    const { router, facts } = this.#ports;
    const { version, address, uuid, uptimeMs } = facts();
    const { keyBytes, valueBytes } = router.limits;
    return StatusResponse.encode({
      clusterId: router.finder.clusterId,
      node: { nodeId: 0, uuid, address },
      version,
      uptimeMs: Math.floor(uptimeMs()),
      replicas: [],
      limits: { keyBytes, valueBytes, requestBytes: limits.requestBytes },
    }).finish();
  }

  #askAny(method: string, request: Uint8Array, call: CallContext): Promise<Uint8Array> {
    return this.#retry(call, async (address, timeoutMs) => {
      try {
        return await this.#ask(address, method, request, Math.min(ATTEMPT_MS, timeoutMs), call);
      } catch (error) {
        const { reason } = DougError.from(error, 'NOT_APPLIED');
        if (reason !== 'DEADLINE') throw error;
        // A node that is slow, or gone: another one may know as well.
        throw new DougError('NO_LEADER', `${address} does not answer`, { cause: error });
      }
    });
  }

  #ask(
    address: string,
    method: string,
    request: Uint8Array,
    timeoutMs: number,
    { signal }: CallContext,
  ): Promise<Uint8Array> {
    const { transport } = this.#ports;
    return transport.unary(address, `${ADMIN}/${method}`, request, Math.max(1, timeoutMs), signal);
  }

  /** Tries one address after the other until one has answered or the time is up. */
  async #retry(
    { deadlineMs, signal }: CallContext,
    attempt: (address: string, timeoutMs: number) => Promise<Uint8Array>,
  ): Promise<Uint8Array> {
    const { clock, random, backoff } = this.#ports;
    let last = new DougError('NO_LEADER', 'no node is known');
    for (let tries = 0; ; tries++) {
      const addresses = this.#addresses();
      const address = addresses[tries % Math.max(1, addresses.length)];
      try {
        if (address !== undefined) return await attempt(address, deadlineMs - clock.monotonicMs());
      } catch (error) {
        last = DougError.from(error);
        // Only what certainly has no effect is asked again.
        const state = { isRead: false, hasOpId: false, maybeApplied: false };
        if (reactTo(last, state) === 'give-up') throw last;
      }
      if (signal?.aborted) throw last;
      const isRound = tries % Math.max(1, addresses.length) === addresses.length - 1;
      const pauseMs = isRound || address === undefined ? backoffMs(tries + 1, random, backoff) : 0;
      if (clock.monotonicMs() + pauseMs >= deadlineMs) throw outOfTime(last, false);
      await pause(clock, pauseMs, signal);
    }
  }

  /** Those that failed a moment ago last. */
  #addresses(): string[] {
    const { router } = this.#ports;
    const all = router.finder.addresses;
    return [
      ...all.filter((address) => !router.isShunned(address)),
      ...all.filter((address) => router.isShunned(address)),
    ];
  }
}
