import type { Clock, Logger, Random, Timer } from '@dougdb/ports';
import {
  AskRequest,
  AskResponse,
  DougError,
  decodeRequest,
  type GenesisRecord,
  OfferRequest,
  OfferResponse,
} from '@dougdb/rpc-proto';
import type { PeerNetwork } from '../contract.js';
import { messageOf } from '../member-error.js';
import { Claims } from './claims.js';
import { type Candidate, type Decision, decide, unfit } from './decide.js';
import { encodeRecord, hex, makeRecord, nodeByUuid, sameBytes } from './record.js';

const ASK_TIMEOUT_MS = 1_000;
const FIRST_ROUND_MS = 50;
const LONGEST_ROUND_MS = 1_000;
/** Time for a node that asks to become ready to answer. */
const SOON_MS = 10;
const LOG_EVERY_MS = 5_000;

export interface GenesisOptions extends Candidate {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly network: PeerNetwork;
  /** The record that this node lives by; null while it is empty. */
  readonly record: GenesisRecord | null;
  /** Makes the record durable here. A rejection ends the process: nobody knows what is on the disk. */
  readonly save: (record: GenesisRecord, encoded: Uint8Array) => Promise<void>;
  readonly onFatal: (error: unknown) => void;
}

/**
 * How empty nodes become one cluster (S14), and the Genesis service that each node answers for ever.
 * An empty node asks all listed nodes again and again; the one with the smallest address makes the
 * record when all of them are empty and want the same; everyone else finds it by asking, or is
 * offered it.
 */
export class Genesis {
  readonly #options: GenesisOptions;
  readonly #joined: Promise<GenesisRecord>;
  readonly #claims: Claims;
  #resolveJoined: (record: GenesisRecord) => void = () => undefined;
  #record: GenesisRecord | null;
  /** Being written: from its beginning on this node is no longer empty for anyone. */
  #adopting: Promise<void> | null = null;
  #roundTimer: Timer | null = null;
  #logTimer: Timer | null = null;
  #roundMs = FIRST_ROUND_MS;
  #waiting: Extract<Decision, { kind: 'wait' }> | null = null;
  #stopped = false;

  constructor(options: GenesisOptions) {
    this.#options = options;
    this.#record = options.record;
    this.#claims = new Claims(options.join);
    this.#joined = new Promise((resolve) => {
      this.#resolveJoined = resolve;
    });
    if (options.record !== null) this.#resolveJoined(options.record);
  }

  /** Begins to ask; does nothing on a node that has its record. */
  start(): void {
    if (this.#record !== null) return;
    this.#round();
    this.#scheduleLog();
  }

  /** Resolves with the record as soon as it is durable here. */
  whenJoined(): Promise<GenesisRecord> {
    return this.#joined;
  }

  /** Who is missing or differs, for people; null when nothing is waited for. */
  get waitingFor(): string | null {
    if (this.#record !== null) return null;
    const { missing = [], differs = [] } = this.#waiting ?? {};
    const parts = [
      ...(missing.length > 0 ? [`no answer from ${missing.join(', ')}`] : []),
      ...differs,
    ];
    return parts.join('; ') || 'asking the listed nodes';
  }

  /** Genesis/Ask: what this node is. @throws DougError INVALID_ARGUMENT, BUSY to a second node with one address */
  ask(request: Uint8Array): Uint8Array {
    const asker = decodeRequest(AskRequest, request);
    const { uuid, advertise, join, settings, clock, logger } = this.#options;
    if (this.#record === null) {
      if (!this.#claims.admit(asker.address, asker.uuid, clock.monotonicMs())) {
        logger.warn('genesis.claimed.twice', { address: asker.address });
        throw new DougError('BUSY', `two nodes say that they are ${asker.address}`);
      }
      this.#heardFrom(asker.address);
    }
    return AskResponse.encode({
      uuid,
      address: advertise,
      empty: this.#record === null && this.#adopting === null,
      join: [...join],
      settings,
      // Only what is durable is told.
      record: this.#record ?? undefined,
    }).finish();
  }

  /** Genesis/Offer: another node has made the record. @throws DougError INVALID_ARGUMENT */
  async offer(request: Uint8Array): Promise<Uint8Array> {
    const { record } = decodeRequest(OfferRequest, request);
    const reason = record === undefined ? 'no record' : await this.#consider(record);
    return OfferResponse.encode({ accepted: reason === null, reason: reason ?? '' }).finish();
  }

  stop(): void {
    this.#stopped = true;
    this.#roundTimer?.cancel();
    this.#logTimer?.cancel();
  }

  /** Resolves when no record is being written any more. */
  async settled(): Promise<void> {
    await this.#adopting?.catch(() => undefined);
  }

  async #consider(record: GenesisRecord): Promise<string | null> {
    if (this.#adopting !== null) await this.#adopting;
    if (this.#record !== null) {
      return sameBytes(this.#record.clusterId, record.clusterId)
        ? null
        : `this node belongs to cluster ${hex(this.#record.clusterId)}`;
    }
    if (this.#stopped) return 'this node is stopping';
    const { join, advertise } = this.#options;
    if (!join.includes(advertise)) return 'this node is not in its own --join';
    const fault = unfit(this.#options, record);
    if (fault !== null) return fault;
    await this.#adopt(record);
    return null;
  }

  /** Somebody whom this node waits for has started: it is asked soon, not at the next round. */
  #heardFrom(address: string): void {
    if (this.#roundTimer === null || !this.#waiting?.missing.includes(address)) return;
    this.#roundTimer.cancel();
    this.#roundTimer = this.#options.clock.setTimer(SOON_MS, () => this.#round());
  }

  #round(): void {
    this.#roundTimer = null;
    this.#askAll()
      .then((decision) => this.#act(decision))
      .catch((error: unknown) => this.#options.onFatal(error));
  }

  async #askAll(): Promise<Decision> {
    const { join, advertise, uuid, network } = this.#options;
    const others = join.filter((address) => address !== advertise);
    const request = AskRequest.encode({ uuid, address: advertise }).finish();
    const answers = await Promise.all(
      others.map((address) =>
        network.genesis(address, 'Ask', request, ASK_TIMEOUT_MS).then(decodeAnswer, () => null),
      ),
    );
    return decide(this.#options, new Map(others.map((a, at) => [a, answers[at] ?? null])));
  }

  #act(decision: Decision): void {
    // An offer may have come in while the round was under way.
    if (this.#stopped || this.#record !== null || this.#adopting !== null) return;
    if (decision.kind === 'wait') {
      this.#waiting = decision;
      this.#roundTimer = this.#options.clock.setTimer(this.#roundMs, () => this.#round());
      this.#roundMs = Math.min(this.#roundMs * 1.5, LONGEST_ROUND_MS);
      return;
    }
    const record = decision.kind === 'adopt' ? decision.record : this.#make(decision.founders);
    this.#adopt(record).then(
      () => {
        if (decision.kind === 'make') this.#offerAll(record);
      },
      // Told to onFatal already.
      () => undefined,
    );
  }

  #make(founders: Parameters<typeof makeRecord>[0]): GenesisRecord {
    const { settings, random, clock, logger } = this.#options;
    const record = makeRecord(founders, settings, random.bytes(16), clock.wallMs());
    logger.info('genesis.made', { cluster: hex(record.clusterId), members: founders.length });
    return record;
  }

  async #adopt(record: GenesisRecord): Promise<void> {
    this.#adopting = this.#options.save(record, encodeRecord(record));
    try {
      await this.#adopting;
    } catch (error) {
      this.#options.onFatal(error);
      throw error;
    }
    this.#record = record;
    this.stop();
    const node = nodeByUuid(record, this.#options.uuid);
    this.#options.logger.info('genesis.joined', {
      cluster: hex(record.clusterId),
      node: node?.nodeId ?? 0,
      members: record.nodes.length,
    });
    this.#resolveJoined(record);
  }

  /** Spares the others a round; who misses it finds the record by asking. */
  #offerAll(record: GenesisRecord): void {
    const { network, logger, uuid } = this.#options;
    const request = OfferRequest.encode({ record }).finish();
    for (const node of record.nodes) {
      if (sameBytes(node.uuid, uuid)) continue;
      network
        .genesis(node.address, 'Offer', request, ASK_TIMEOUT_MS)
        .then((bytes) => {
          const { accepted, reason } = OfferResponse.decode(bytes);
          if (!accepted) logger.warn('genesis.offer.refused', { address: node.address, reason });
        })
        .catch((error: unknown) => {
          logger.info('genesis.offer.failed', { address: node.address, reason: messageOf(error) });
        });
    }
  }

  #scheduleLog(): void {
    this.#logTimer = this.#options.clock.setTimer(LOG_EVERY_MS, () => {
      this.#options.logger.warn('genesis.waiting', {
        missing: this.#waiting?.missing.join(', ') ?? '',
        differs: this.#waiting?.differs.join('; ') ?? '',
      });
      this.#scheduleLog();
    });
  }
}

/** Garbage counts as no answer. */
function decodeAnswer(bytes: Uint8Array): AskResponse | null {
  try {
    return AskResponse.decode(bytes);
  } catch {
    return null;
  }
}
