import {
  DougError,
  MemberListRequest,
  MemberListResponse,
  PartitionListRequest,
  PartitionListResponse,
  StatusRequest,
  StatusResponse,
} from '@dougdb/rpc-proto';
import {
  decodeAnswer,
  type Member,
  type NodeStatus,
  type PartitionInfo,
  toMember,
  toPartition,
  toStatus,
} from './admin-reports.js';
import { adminTargets } from './admin-targets.js';
import { type CompactOptions, compactRequest, type HistoryFloor } from './compaction.js';
import type { Engine } from './engine/engine.js';
import { LeaderCall } from './leader-call.js';
import { type LeaderChange, type TransferOptions, transferRequest } from './leader-transfer.js';
import { type CallOptions, checkOptions, checkTimeout } from './options.js';

/** A node by its id: found through what is known of the cluster, or through the facade. */
export interface NodeTarget {
  readonly nodeId: number;
}

const STATUS = '/dougdb.admin.v1.Admin/Status';
const MEMBER_LIST = '/dougdb.admin.v1.Admin/MemberList';
const PARTITION_LIST = '/dougdb.admin.v1.Admin/PartitionList';

/** What operators ask for. Where the client goes through a facade, so does all of this. */
export class AdminClient {
  readonly #engine: Engine;

  /** @internal */
  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /**
   * The state of one node.
   * @param node - HOST:PORT to ask directly, or a node's id; left out: any node that answers
   * @throws DougError; INVALID_ARGUMENT: there is no node with this id
   */
  async status(node?: string | NodeTarget, options: CallOptions = {}): Promise<NodeStatus> {
    if (typeof node === 'object') return this.#statusOf(checkId('nodeId', node.nodeId), options);
    const targets = node === undefined ? adminTargets(this.#engine) : [node];
    return this.#askStatus(0, targets, options);
  }

  /** All nodes of the cluster, as some node knows them. @throws DougError */
  async members(options: CallOptions = {}): Promise<Member[]> {
    const request = MemberListRequest.encode({}).finish();
    const answer = await this.#ask(MEMBER_LIST, request, adminTargets(this.#engine), options);
    return decodeAnswer(MemberListResponse, answer).nodes.map(toMember);
  }

  /**
   * All partitions with their leaders, as some node knows them: it may be behind by a moment. Ordered by
   * keyspace and range; the first is the cluster's own.
   * @throws DougError
   */
  async partitions(options: CallOptions = {}): Promise<PartitionInfo[]> {
    const request = PartitionListRequest.encode({}).finish();
    const answer = await this.#ask(PARTITION_LIST, request, adminTargets(this.#engine), options);
    const { partitions } = decodeAnswer(PartitionListResponse, answer);
    return partitions.map(toPartition).filter((partition) => partition !== null);
  }

  /**
   * Makes another replica lead a partition, and answers when one does.
   * @throws DougError INVALID_ARGUMENT: the node has no vote in this partition; IN_DOUBT: the answer was
   * lost, and leadership may have moved
   */
  async transferLeader(partitionId: number, options: TransferOptions = {}): Promise<LeaderChange> {
    checkOptions(options);
    checkId('partitionId', partitionId);
    const { toNodeId } = options;
    if (toNodeId !== undefined) checkId('toNodeId', toNodeId);
    const { clusterId } = this.#engine.router.finder;
    const request = transferRequest(clusterId, partitionId, toNodeId ?? 0);
    return new LeaderCall(this.#engine, request, options).run();
  }

  /**
   * Lets history of a partition be forgotten: reads at revisions below are refused from then on, by all replicas alike.
   * @throws DougError FUTURE_REVISION or INVALID_ARGUMENT: there is no such revision yet
   */
  async compact(partitionId: number, options: CompactOptions = {}): Promise<HistoryFloor> {
    checkOptions(options);
    checkId('partitionId', partitionId);
    const { revision } = options;
    if (revision !== undefined) checkId('revision', revision);
    const { clusterId } = this.#engine.router.finder;
    const request = compactRequest(clusterId, partitionId, revision ?? 0);
    return new LeaderCall(this.#engine, request, options).run();
  }

  async #statusOf(nodeId: number, options: CallOptions): Promise<NodeStatus> {
    const { finder, map } = this.#engine.router;
    // Behind a facade the addresses of nodes need not be reachable from here.
    const targets =
      finder.facades.length > 0
        ? adminTargets(this.#engine)
        : [map.addressOf(nodeId) ?? (await this.#addressOf(nodeId, options))];
    const status = await this.#askStatus(nodeId, targets, options);
    if (status.node.nodeId === nodeId) return status;
    throw new DougError(
      'INTERNAL',
      `node ${nodeId} was asked, and node ${status.node.nodeId} answered`,
      { outcome: 'NOT_APPLIED' },
    );
  }

  async #addressOf(nodeId: number, options: CallOptions): Promise<string> {
    const members = await this.members(options);
    const member = members.find((one) => one.nodeId === nodeId);
    if (member !== undefined) return member.address;
    throw new DougError('INVALID_ARGUMENT', `the cluster has no node ${nodeId}`);
  }

  async #askStatus(
    nodeId: number,
    targets: readonly string[],
    options: CallOptions,
  ): Promise<NodeStatus> {
    const request = StatusRequest.encode({ nodeId }).finish();
    return toStatus(
      decodeAnswer(StatusResponse, await this.#ask(STATUS, request, targets, options)),
    );
  }

  /** Asks one address after the other until one answers or the time is up. */
  async #ask(
    path: string,
    request: Uint8Array,
    targets: readonly string[],
    options: CallOptions,
  ): Promise<Uint8Array> {
    const { clock, transport, settings, isClosed } = this.#engine;
    if (isClosed) throw new DougError('CLOSED', 'the client is closed', { outcome: 'NOT_APPLIED' });
    checkOptions(options);
    const untilMs = clock.monotonicMs() + checkTimeout(options.timeoutMs ?? settings.timeoutMs);
    let last = new DougError('NO_LEADER', 'no address is known');
    for (const [i, target] of targets.entries()) {
      const leftMs = untilMs - clock.monotonicMs();
      if (leftMs <= 0) break;
      // The rest of the time is shared by those that are left: one that hangs must not take it all.
      const shareMs = leftMs / (targets.length - i);
      try {
        return await transport.unary(target, path, request, shareMs, options.signal);
      } catch (error) {
        last = DougError.from(error, 'NOT_APPLIED');
        const isOver = options.signal?.aborted || this.#engine.isClosed;
        // What makes no sense to one makes none to the others.
        if (isOver || last.reason === 'INVALID_ARGUMENT') break;
      }
    }
    throw last;
  }
}

function checkId(name: string, id: number): number {
  if (Number.isSafeInteger(id) && id >= 1) return id;
  throw new DougError(
    'INVALID_ARGUMENT',
    `${name} must be an integer of at least 1, not ${String(id)}`,
  );
}
