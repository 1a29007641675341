import type { NodeDescriptor } from '@dougdb/rpc-proto';
import { normalAddress } from '../genesis/address.js';
import type { Membership } from '../membership.js';

interface Known {
  readonly nodeId: number;
  readonly uuid: Uint8Array;
  readonly atGenesis: string;
  /** Where to try first. */
  current: string;
  /** What the node itself said last, in a handshake; empty: nothing, or something newer stands in the meta group. */
  said: string;
  /** What the meta group says; empty: not known yet. */
  inMeta: string;
}

/**
 * Where the nodes of the cluster are reached. It begins with the record's addresses and takes those of
 * the meta group; what a node says of itself in a handshake replaces its own at once. An address is
 * never an identity: whoever answers there still has to say the right handshake.
 */
export class AddressBook {
  readonly #nodes = new Map<number, Known>();
  readonly #ownNodeId: number;
  readonly #join: readonly string[];
  #version = 0;
  /** A node is looked for elsewhere from now on. At most one watcher: the links. */
  onMoved: (nodeId: number) => void = () => undefined;

  /** @param advertise - this node's own address today @param join - tried for every peer as well */
  constructor(self: Membership, advertise: string, join: readonly string[]) {
    this.#ownNodeId = self.node.nodeId;
    for (const { nodeId, uuid, address } of self.record.nodes) {
      const said = nodeId === this.#ownNodeId ? advertise : '';
      const current = said || address;
      this.#nodes.set(nodeId, { nodeId, uuid, atGenesis: address, current, said, inMeta: '' });
    }
    this.#join = join.filter((address) => address !== advertise);
  }

  /** Grows with each change of an address. */
  get version(): number {
    return this.#version;
  }

  /** All nodes, with the newest address known of each. */
  nodes(): NodeDescriptor[] {
    return [...this.#nodes.values()].map(({ nodeId, uuid, current: address }) => ({
      nodeId,
      uuid,
      address,
    }));
  }

  address(nodeId: number): string {
    return this.#nodes.get(nodeId)?.current ?? '';
  }

  /** What the node said of itself since this process began; empty: nothing that the meta group lacks. */
  saidBy(nodeId: number): string {
    return this.#nodes.get(nodeId)?.said ?? '';
  }

  /** A peer says in its handshake that it is reached here. */
  heard(nodeId: number, address: string): void {
    const node = this.#nodes.get(nodeId);
    const normal = normalOrNull(address);
    if (node === undefined || normal === null) return;
    node.said = normal;
    this.#moveTo(node, normal);
  }

  /** The meta group has this row now. */
  told({ nodeId, address }: NodeDescriptor): void {
    const node = this.#nodes.get(nodeId);
    const normal = normalOrNull(address);
    if (node === undefined || normal === null || node.inMeta === normal) return;
    // The first row that is read may be older than what was heard. One that changes later was written
    // by somebody who heard more: what was said to this node before is the past.
    const isPast = node.inMeta !== '' && node.said !== normal && nodeId !== this.#ownNodeId;
    if (isPast) node.said = '';
    node.inMeta = normal;
    if (node.said === '') this.#moveTo(node, normal);
  }

  /** Where to try to reach a peer: the newest address first, what others are known by last. */
  candidates(nodeId: number): string[] {
    const taken = new Set<string>();
    for (const other of this.#nodes.values()) {
      if (other.nodeId === nodeId) continue;
      taken.add(other.current);
      taken.add(other.atGenesis);
    }
    const node = this.#nodes.get(nodeId);
    const rest = [node?.inMeta ?? '', node?.atGenesis ?? '', ...this.#join];
    const free = rest.filter((address) => address !== '' && !taken.has(address));
    return [...new Set([this.address(nodeId), ...free])];
  }

  #moveTo(node: Known, address: string): void {
    if (node.current === address) return;
    node.current = address;
    this.#version++;
    this.onMoved(node.nodeId);
  }
}

function normalOrNull(address: string): string | null {
  try {
    return normalAddress(address);
  } catch {
    return null;
  }
}
