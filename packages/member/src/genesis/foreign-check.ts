import type { Clock, Timer } from '@dougdb/ports';
import { AskRequest, AskResponse, type GenesisRecord } from '@dougdb/rpc-proto';
import type { PeerNetwork } from '../contract.js';
import { MemberError, MemberErrorCode } from '../member-error.js';
import type { Membership } from '../membership.js';
import { hex, sameBytes } from './record.js';

const ASK_TIMEOUT_MS = 1_000;
const ROUND_MS = 1_000;

export interface ForeignCheckOptions {
  readonly clock: Clock;
  readonly network: PeerNetwork;
  readonly self: Membership;
  readonly advertise: string;
  readonly join: readonly string[];
  readonly dataDir: string;
  readonly onForeign: (error: MemberError) => void;
}

/**
 * Notices that a data directory was mounted into the wrong cluster: none of the listed nodes is known
 * to its record, and they belong to another cluster. A cluster whose addresses all changed is told
 * from that by what the listed nodes answer, so they are asked until one of them has a record.
 */
export class ForeignCheck {
  readonly #options: ForeignCheckOptions;
  readonly #others: readonly string[];
  #timer: Timer | null = null;
  #stopped = false;

  constructor(options: ForeignCheckOptions) {
    this.#options = options;
    this.#others = options.join.filter((address) => address !== options.advertise);
  }

  start(): void {
    const known = this.#options.self.record.nodes.map((node) => node.address);
    if (this.#others.length === 0 || this.#others.some((a) => known.includes(a))) return;
    this.#round();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #round(): void {
    const { network, self, advertise } = this.#options;
    const request = AskRequest.encode({ uuid: self.node.uuid, address: advertise }).finish();
    const asked = this.#others.map((address) =>
      network.genesis(address, 'Ask', request, ASK_TIMEOUT_MS).then(
        (bytes) => ({ address, record: recordIn(bytes) }),
        () => ({ address, record: undefined }),
      ),
    );
    Promise.all(asked)
      .then((answers) => this.#judge(answers))
      .catch(this.#options.onForeign);
  }

  #judge(answers: readonly { address: string; record: GenesisRecord | undefined }[]): void {
    if (this.#stopped) return;
    const { self, clock, dataDir, onForeign } = this.#options;
    let known = false;
    for (const { address, record } of answers) {
      if (record === undefined) continue;
      known = true;
      if (sameBytes(record.clusterId, self.clusterId)) continue;
      onForeign(
        new MemberError(
          MemberErrorCode.Foreign,
          `${dataDir} belongs to cluster ${hex(self.clusterId)}, but ${address} of --join belongs ` +
            `to cluster ${hex(record.clusterId)}`,
        ),
      );
      return;
    }
    if (!known) this.#timer = clock.setTimer(ROUND_MS, () => this.#round());
  }
}

function recordIn(bytes: Uint8Array): GenesisRecord | undefined {
  try {
    return AskResponse.decode(bytes).record;
  } catch {
    return undefined;
  }
}
