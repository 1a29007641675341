import {
  DougError,
  MemberListRequest,
  MemberListResponse,
  type NodeDescriptor,
  type StatusResponse as Status,
  StatusRequest,
  StatusResponse,
} from '@dougdb/rpc-proto';
import type { Engine } from './engine/engine.js';
import { type CallOptions, checkOptions, checkTimeout } from './options.js';

/** A node of the cluster. */
export interface Member {
  readonly nodeId: number;
  /** Made at its first start; 32 hex digits. */
  readonly uuid: string;
  /** HOST:PORT. */
  readonly address: string;
}

/** What a node says of one of its replicas. */
export interface ReplicaStatus {
  readonly partitionId: number;
  readonly replicaId: number;
  readonly role: string;
  /** 0: unknown. */
  readonly leaderNodeId: number;
  readonly term: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly revision: number;
  readonly state: string;
  readonly sessions: number;
}

/** What a node says of itself. */
export interface NodeStatus {
  /** 32 hex digits. */
  readonly clusterId: string;
  readonly node: Member;
  readonly version: string;
  readonly uptimeMs: number;
  readonly replicas: readonly ReplicaStatus[];
  /** In bytes. */
  readonly limits: { readonly key: number; readonly value: number; readonly request: number };
}

/** What operators ask for. */
export class AdminClient {
  readonly #engine: Engine;

  /** @internal */
  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /**
   * The state of one node.
   * @param address - HOST:PORT; left out: any node that answers
   * @throws DougError
   */
  async status(address?: string, options: CallOptions = {}): Promise<NodeStatus> {
    const request = StatusRequest.encode({ nodeId: 0 }).finish();
    const path = '/dougdb.admin.v1.Admin/Status';
    const answer = await this.#ask(path, request, address, options);
    return toStatus(decode(StatusResponse, answer));
  }

  /** All nodes of the cluster, as some node knows them. @throws DougError */
  async members(options: CallOptions = {}): Promise<Member[]> {
    const request = MemberListRequest.encode({}).finish();
    const path = '/dougdb.admin.v1.Admin/MemberList';
    const answer = await this.#ask(path, request, undefined, options);
    return decode(MemberListResponse, answer).nodes.map(toMember);
  }

  /** Asks one address after the other until one answers or the time is up. */
  async #ask(
    path: string,
    request: Uint8Array,
    address: string | undefined,
    options: CallOptions,
  ): Promise<Uint8Array> {
    const { clock, transport, settings, isClosed } = this.#engine;
    const { finder } = this.#engine.router;
    if (isClosed) throw new DougError('CLOSED', 'the client is closed', { outcome: 'NOT_APPLIED' });
    checkOptions(options);
    const timeoutMs = checkTimeout(options.timeoutMs ?? settings.timeoutMs);
    const untilMs = clock.monotonicMs() + timeoutMs;
    const addresses = address === undefined ? finder.addresses : [address];
    let last = new DougError('NO_LEADER', 'no address is known');
    for (const [i, target] of addresses.entries()) {
      const leftMs = untilMs - clock.monotonicMs();
      if (leftMs <= 0) break;
      // The rest of the time is shared by those that are left: one that hangs must not take it all.
      const shareMs = leftMs / (addresses.length - i);
      try {
        return await transport.unary(target, path, request, shareMs, options.signal);
      } catch (error) {
        last = DougError.from(error, 'NOT_APPLIED');
        if (options.signal?.aborted) break;
      }
    }
    throw last;
  }
}

function toMember(node: NodeDescriptor | undefined): Member {
  return {
    nodeId: node?.nodeId ?? 0,
    uuid: hex(node?.uuid),
    address: node?.address ?? '',
  };
}

function toStatus(status: Status): NodeStatus {
  return {
    clusterId: hex(status.clusterId),
    node: toMember(status.node),
    version: status.version,
    uptimeMs: status.uptimeMs,
    replicas: status.replicas.map((replica) => ({
      partitionId: replica.partitionId,
      replicaId: replica.replicaId,
      role: replica.role,
      leaderNodeId: replica.leaderNodeId,
      term: replica.term,
      commitIndex: replica.commitIndex,
      appliedIndex: replica.appliedIndex,
      firstIndex: replica.firstIndex,
      lastIndex: replica.lastIndex,
      revision: replica.revision,
      state: replica.state,
      sessions: replica.sessions,
    })),
    limits: {
      key: status.limits?.keyBytes ?? 0,
      value: status.limits?.valueBytes ?? 0,
      request: status.limits?.requestBytes ?? 0,
    },
  };
}

function decode<T>(decoder: { decode(bytes: Uint8Array): T }, bytes: Uint8Array): T {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new DougError('INTERNAL', 'a node sent garbage', { outcome: 'NOT_APPLIED', cause });
  }
}

function hex(bytes: Uint8Array | undefined): string {
  return Array.from(bytes ?? [], (byte) => byte.toString(16).padStart(2, '0')).join('');
}
