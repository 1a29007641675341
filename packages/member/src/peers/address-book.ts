import type { NodeDescriptor } from '@dougdb/rpc-proto';
import { normalAddress } from '../genesis/address.js';
import type { Membership } from '../membership.js';

/**
 * Where the nodes of the cluster are reached. It begins with the record's addresses; a peer's
 * handshake replaces its own at once. An address is never an identity: whoever answers there still
 * has to say the right handshake.
 */
export class AddressBook {
  readonly #current = new Map<number, string>();
  readonly #atGenesis = new Map<number, string>();
  readonly #uuids = new Map<number, Uint8Array>();
  readonly #join: readonly string[];

  /** @param advertise - this node's own address today @param join - tried for every peer as well */
  constructor(self: Membership, advertise: string, join: readonly string[]) {
    for (const node of self.record.nodes) {
      this.#current.set(node.nodeId, node.address);
      this.#atGenesis.set(node.nodeId, node.address);
      this.#uuids.set(node.nodeId, node.uuid);
    }
    this.#current.set(self.node.nodeId, advertise);
    this.#join = join.filter((address) => address !== advertise);
  }

  /** All nodes, with the newest address known of each. */
  nodes(): NodeDescriptor[] {
    const nodes: NodeDescriptor[] = [];
    for (const [nodeId, address] of this.#current) {
      nodes.push({ nodeId, uuid: this.#uuids.get(nodeId) ?? new Uint8Array(0), address });
    }
    return nodes;
  }

  address(nodeId: number): string {
    return this.#current.get(nodeId) ?? '';
  }

  /** A peer says that it is reached here now. @returns whether that is news */
  learn(nodeId: number, address: string): boolean {
    let normal: string;
    try {
      normal = normalAddress(address);
    } catch {
      return false;
    }
    if (this.#current.get(nodeId) === normal) return false;
    this.#current.set(nodeId, normal);
    return true;
  }

  /** Where to try to reach a peer: the newest address first, what others are known by last. */
  candidates(nodeId: number): string[] {
    const taken = new Set<string>();
    for (const known of [this.#current, this.#atGenesis]) {
      for (const [other, address] of known) if (other !== nodeId) taken.add(address);
    }
    const rest = [this.#atGenesis.get(nodeId) ?? '', ...this.#join];
    const free = rest.filter((address) => address !== '' && !taken.has(address));
    return [...new Set([this.address(nodeId), ...free])];
  }
}
