import type { Clock, Timer } from '@dougdb/ports';
import { AskRequest, AskResponse, type GenesisRecord } from '@dougdb/rpc-proto';
import type { PeerNetwork } from '../contract.js';
import { MemberError, MemberErrorCode } from '../member-error.js';
import type { Membership } from '../membership.js';
import { asMemberError } from '../store/fatal.js';
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
 * Notices that a data directory was mounted into the wrong cluster: its record does not know this
 * node's address, or none of the other listed ones, and those belong to another cluster. A cluster
 * whose addresses changed is told from that by what the listed nodes answer, so they are asked until
 * one of them has a record; one of the same cluster settles it.
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
    const isKnown = known.includes(this.#options.advertise);
    if (isKnown && this.#others.some((address) => known.includes(address))) return;
    if (this.#others.length > 0) this.#round();
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
      .catch((error: unknown) =>
        this.#options.onForeign(asMemberError(error, 'asking who is who')),
      );
  }

  #judge(answers: readonly { address: string; record: GenesisRecord | undefined }[]): void {
    if (this.#stopped) return;
    const { self, clock, dataDir, onForeign } = this.#options;
    const isOurs = ({ clusterId }: GenesisRecord): boolean => sameBytes(clusterId, self.clusterId);
    if (answers.some(({ record }) => record !== undefined && isOurs(record))) return;
    const foreign = answers.find(({ record }) => record !== undefined);
    if (foreign?.record === undefined) {
      this.#timer = clock.setTimer(ROUND_MS, () => this.#round());
      return;
    }
    onForeign(
      new MemberError(
        MemberErrorCode.Foreign,
        `${dataDir} belongs to cluster ${hex(self.clusterId)}, but ${foreign.address} of --join ` +
          `belongs to cluster ${hex(foreign.record.clusterId)}`,
      ),
    );
  }
}

function recordIn(bytes: Uint8Array): GenesisRecord | undefined {
  try {
    return AskResponse.decode(bytes).record;
  } catch {
    return undefined;
  }
}
