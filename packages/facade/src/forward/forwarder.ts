import type { Clock } from '@dougdb/ports';
import {
  type CodeName,
  CommandView,
  type Consistency,
  codeFromWire,
  DougError,
  forEachRange,
  fromWire,
  type PipeOp,
  type ResponseHeader,
  readCommand,
  toWire,
  type Error as WireError,
} from '@dougdb/rpc-proto';
import { crossPartition, type KeySpan } from '../routing/cross-partition.js';
import type { Route } from '../routing/partition-map.js';
import { mayBeAnyReplica } from '../routing/read-levels.js';
import type { Router } from '../routing/router.js';
import type { NodeTransport } from '../transport.js';
import { ANY_REPLICA, GET, RESEND } from './item-flags.js';
import type { Part } from './item-queue.js';
import { type LinkOwner, NodeLink } from './node-link.js';
import type { Origin } from './origin.js';
import type { ForwardTelemetry } from './telemetry.js';

/** What a forwarder is made of. */
export interface ForwarderPorts {
  readonly transport: NodeTransport;
  readonly clock: Clock;
  readonly router: Router;
  readonly telemetry: ForwardTelemetry;
  /** A partition's log time became known. */
  readonly sawLogTime: (partitionId: number, logTime: number) => void;
}

/** A node, and the part of the message that is being walked over for it. */
interface Target {
  /** Null: nobody can be asked now. */
  readonly link: NodeLink | null;
  part: Part | null;
}

const nowhere: Target = { link: null, part: null };

/** A refusal that was learned from. */
interface LearnedRefusal {
  readonly link: NodeLink;
  readonly code: CodeName;
  readonly partitionId: number;
  readonly epochVersion: number;
  readonly leaderNodeId: number;
}

/** Read and used within one call. */
const commandView = new CommandView();

/**
 * Sends items to the nodes that serve their keys and brings the answers back. It sends nothing twice:
 * what failed is answered, and whoever asked decides (S17). It keeps nothing but what is under way.
 *
 * A message of an origin is one walk: `begin`, `forward` for each item, in their order. The items for
 * one node become one part (see {@link NodeLink}).
 */
export class Forwarder implements LinkOwner {
  readonly #ports: ForwarderPorts;
  readonly #links = new Map<string, NodeLink>();

  // Of the message that is being walked over.
  #origin: Origin | null = null;
  #request: Uint8Array = new Uint8Array(0);
  /**
   * Where the items of a partition go, decided once for the whole message: two writes of one key must
   * not be told apart because a leader, or the end of a pause, came between them.
   */
  readonly #targets = new Map<Route, Target>();
  readonly #byLink = new Map<NodeLink, Target>();
  readonly #eventualTargets = new Map<Route, Target>();
  /** Where the last item went: the next one mostly goes there too. */
  #lastRoute: Route | null = null;
  #lastEventual = false;
  #last: Target = nowhere;

  /** Of the response that is being read. */
  #lastRefusal: LearnedRefusal | null = null;

  constructor(ports: ForwarderPorts) {
    this.#ports = ports;
  }

  /** Items that wait or are not answered by a node. */
  get openItems(): number {
    let items = 0;
    for (const link of this.#links.values()) items += link.openItems;
    return items;
  }

  /** Nodes with a stream or items for one. */
  get links(): number {
    return this.#links.size;
  }

  /**
   * Begins a message of an origin; what was forwarded before belongs to another one.
   * @param request - held until all items of it have left, not written to
   */
  begin(origin: Origin, request: Uint8Array): void {
    this.#origin = origin;
    this.#request = request;
    this.#targets.clear();
    this.#eventualTargets.clear();
    this.#byLink.clear();
    this.#lastRoute = null;
    this.#last = nowhere;
  }

  /**
   * Sends an item of the message on its way.
   * @param op - for 'command' request[start, end) is an encoded Command, for 'get' a key
   * @param argument - of a get: see ReadLevel
   * @returns null: the origin gets exactly one answer under this id; else why it was not taken
   */
  forward(
    id: number,
    deadlineMs: number,
    resend: boolean,
    op: PipeOp,
    start: number,
    end: number,
    consistency: Consistency,
    argument: number,
  ): DougError | null {
    const origin = this.#origin;
    if (origin === null) return noMessage;
    const isGet = op === 'get';
    let keyStart = start;
    let keyEnd = end;
    if (!isGet) {
      try {
        readCommand(this.#request, start, end, commandView);
      } catch (error) {
        return DougError.from(error, 'NOT_APPLIED');
      }
      keyStart = commandView.keyStart;
      keyEnd = commandView.keyEnd;
    }
    const eventual = isGet && mayBeAnyReplica(consistency);
    const route = this.#ports.router.map.lookupAt(this.#request, keyStart, keyEnd);
    if (route === null) return this.#unroutable(keyStart, keyEnd, noPartition);
    if (route !== this.#lastRoute || eventual !== this.#lastEventual) this.#turnTo(route, eventual);
    const crossing = isGet ? null : this.#crossing(route);
    if (crossing !== null) return crossing;
    const target = this.#last;
    const { link } = target;
    if (link === null) return this.#unroutable(keyStart, keyEnd, noLeader);
    const refusal = link.refusal(target.part, this.#request.length, end - start);
    if (refusal !== null) return refusal;
    target.part ??= link.beginPart(origin, this.#request);
    const { part } = target;
    const flags = (isGet ? GET : 0) | (eventual ? ANY_REPLICA : 0) | (resend ? RESEND : 0);
    link.add(
      part,
      id,
      route.partitionId,
      route.epochVersion,
      deadlineMs,
      flags,
      start,
      end,
      consistency,
      argument,
    );
    return null;
  }

  /** Nobody waits for these items of the origin any more. */
  cancel(origin: Origin, ids: ReadonlySet<number>): void {
    for (const link of this.#links.values()) link.cancel(origin, ids);
  }

  /**
   * Others say that they lead what was sent to a node that is silent: it is given up. Call when the map
   * has learned something.
   */
  leaveSilent(): void {
    const { map } = this.#ports.router;
    for (const link of [...this.#links.values()]) {
      if (!link.isSilent) continue;
      for (const partitionId of link.sentPartitions()) {
        const route = map.byId(partitionId);
        const leader = route === null ? undefined : map.leaderAddress(route);
        if (leader === undefined || leader === link.address) continue;
        link.abandon(new DougError('IN_DOUBT', `${link.address} does not answer`));
        break;
      }
    }
  }

  /** Closes links without items to addresses where no node is any more. */
  prune(): void {
    const { map } = this.#ports.router;
    const known = new Set(map.nodeIds.map((nodeId) => map.addressOf(nodeId)));
    for (const [address, link] of this.#links) {
      if (known.has(address) || link.openItems > 0) continue;
      link.close(closed);
      this.#links.delete(address);
    }
  }

  /** Ends all links; what is under way is answered as lost. */
  close(): void {
    for (const link of this.#links.values()) link.close(closed);
    this.#links.clear();
  }

  #turnTo(route: Route, eventual: boolean): void {
    const targets = eventual ? this.#eventualTargets : this.#targets;
    let target = targets.get(route);
    if (target === undefined) {
      target = this.#targetFor(route, eventual);
      targets.set(route, target);
    }
    this.#lastRoute = route;
    this.#lastEventual = eventual;
    this.#last = target;
  }

  /** Partitions with one leader share a target, and so a part. */
  #targetFor(route: Route, eventual: boolean): Target {
    const { router } = this.#ports;
    const address = eventual
      ? router.map.addressOf(router.anyReplicaNode(route))
      : router.leaderAddress(route);
    if (address === undefined) return nowhere;
    const link = this.#linkTo(address);
    let target = this.#byLink.get(link);
    if (target === undefined) {
      target = { link, part: null };
      this.#byLink.set(link, target);
    }
    return target;
  }

  /** Why the command that was read last cannot go to the partition of its first key. */
  #crossing(route: Route): DougError | null {
    const { kind, body } = commandView;
    if (body === null) return null;
    const spans: KeySpan[] = [];
    forEachRange(body, (start, end) => spans.push({ start, end }));
    return crossPartition(this.#ports.router.map, route, kind, spans);
  }

  #unroutable(keyStart: number, keyEnd: number, error: DougError): DougError {
    this.#ports.telemetry.unroutable.add(1);
    this.#ports.router.seek(new Uint8Array(this.#request.subarray(keyStart, keyEnd)));
    return error;
  }

  #linkTo(address: string): NodeLink {
    let link = this.#links.get(address);
    if (link === undefined) {
      const { transport, clock, router } = this.#ports;
      const clusterId = (): Uint8Array => router.finder.clusterId;
      link = new NodeLink(address, this, { transport, clock, clusterId });
      this.#links.set(address, link);
    }
    return link;
  }

  // LinkOwner

  /** @internal */
  heard(link: NodeLink): void {
    this.#ports.router.heard(link.address);
  }

  /** @internal */
  headers(headers: readonly ResponseHeader[]): void {
    this.#lastRefusal = null;
    for (const { partitionId, logTime } of headers) {
      if (logTime > 0) this.#ports.sawLogTime(partitionId, logTime);
    }
  }

  /** @internal */
  refused(
    link: NodeLink,
    partitionId: number,
    epochVersion: number,
    eventual: boolean,
    wire: WireError,
  ): WireError {
    const code = codeFromWire(wire.code) ?? 'INTERNAL';
    this.#ports.telemetry.refusals.add(1, { code });
    if (code === 'CLUSTER_MISMATCH') {
      // Somebody else lives at that address now. To whoever asked it is as if nobody did.
      this.#ports.router.lost(link.address);
      return foreignNode;
    }
    // All items of a partition mostly fail alike, and one of them has said it all.
    const leaderNodeId = wire.route?.leaderNodeId ?? 0;
    const known = this.#lastRefusal;
    const isKnown =
      known?.link === link &&
      known.code === code &&
      known.partitionId === partitionId &&
      known.epochVersion === epochVersion &&
      known.leaderNodeId === leaderNodeId;
    if (isKnown) return wire;
    this.#lastRefusal = { link, code, partitionId, epochVersion, leaderNodeId };
    const sent = { partitionId, epochVersion, eventual };
    this.#ports.router.correctAt(link.address, sent, fromWire(wire));
    return wire;
  }

  /** @internal */
  left(items: number): void {
    this.#ports.telemetry.messages.add(1);
    this.#ports.telemetry.items.add(items);
  }

  /** @internal */
  lost(link: NodeLink, _error: DougError): void {
    this.#ports.telemetry.streamsLost.add(1);
    this.#ports.router.lost(link.address);
    this.#ports.router.finder.refresh(link.address);
  }

  /** @internal */
  silent(link: NodeLink): void {
    // Another node may know that somebody else leads by now; see leaveSilent.
    this.#ports.router.finder.refresh(link.address);
  }
}

/**
 * Refusals after which the rest of a message is refused as well, because they depend on the size of an
 * item: where a write found no room a smaller one on its key, behind it, may not find any.
 */
export const orderedRefusals: ReadonlySet<CodeName> = new Set(['BUSY', 'NO_SPACE', 'TOO_LARGE']);

const noMessage = new DougError('INTERNAL', 'no message was begun', { outcome: 'NOT_APPLIED' });
const noPartition = new DougError('NO_LEADER', 'no partition is known for this key');
const noLeader = new DougError('NO_LEADER', 'no leader is known for the partition of this key');
const closed = new DougError('DRAINING', 'the facade is closing', { outcome: 'NOT_APPLIED' });
const foreignNode = toWire(
  new DougError('NO_LEADER', 'the node of this key belongs to another cluster now'),
);
