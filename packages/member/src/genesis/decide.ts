import type { AskResponse, ClusterSettings, GenesisRecord } from '@dougdb/rpc-proto';
import { compareAddresses, normalAddress } from './address.js';
import { type Founder, hex, nodeByUuid, sameBytes, settingsDifference } from './record.js';
import { recordFault } from './record-fault.js';

/** An empty node, as far as genesis is concerned. */
export interface Candidate {
  readonly uuid: Uint8Array;
  /** Normal form. */
  readonly advertise: string;
  /** Normal form, sorted. */
  readonly join: readonly string[];
  readonly settings: ClusterSettings;
}

/** What one listed node said in one round; null: nothing. */
export type Answers = ReadonlyMap<string, AskResponse | null>;

export type Decision =
  /** Live by this record. */
  | { readonly kind: 'adopt'; readonly record: GenesisRecord }
  /** It is on this node to make the record, of these founders. */
  | { readonly kind: 'make'; readonly founders: readonly Founder[] }
  | {
      readonly kind: 'wait';
      /** Addresses that did not answer. */
      readonly missing: readonly string[];
      /** What stands against it, one sentence for each. */
      readonly differs: readonly string[];
    };

/**
 * What an empty node does after it asked all listed nodes once (S14). Pure: all that may be known
 * stands in the answers of ONE round; older ones may be of a node that has been wiped since.
 */
export function decide(self: Candidate, answers: Answers): Decision {
  const differs: string[] = [];
  const records = new Map<string, GenesisRecord>();
  for (const [address, answer] of answers) {
    if (answer?.record === undefined) continue;
    const fault = unfit(self, answer.record);
    if (fault === null) records.set(hex(answer.record.clusterId), answer.record);
    else differs.push(`${address} belongs to cluster ${hex(answer.record.clusterId)}: ${fault}`);
  }
  const [record] = records.values();
  if (records.size === 1 && record !== undefined) return { kind: 'adopt', record };
  if (records.size > 1) {
    differs.push('the listed nodes belong to several clusters that all name this node');
  }

  const missing = self.join.filter((a) => a !== self.advertise && !answers.get(a));
  const founders: Founder[] = [{ uuid: self.uuid, address: self.advertise }];
  for (const [address, answer] of answers) {
    if (answer === null || answer.record !== undefined) continue;
    const difference = founderDifference(self, address, answer, founders);
    if (difference === null) founders.push({ uuid: answer.uuid, address });
    else differs.push(`${address}: ${difference}`);
  }
  if (!self.join.includes(self.advertise)) {
    differs.push(`${self.advertise} is not in its own --join: it never bootstraps, it only joins`);
  }
  // One maker, and only when every listed node is empty and of one mind.
  const unanimous = missing.length === 0 && differs.length === 0;
  const smallest = [...self.join].sort(compareAddresses)[0] === self.advertise;
  // INVARIANT(one-genesis): one node only may make the record, and only while nobody has one.
  if (unanimous && smallest) return { kind: 'make', founders };
  return { kind: 'wait', missing, differs };
}

/** Null when this node is part of the record and can live by it. */
export function unfit(self: Candidate, record: GenesisRecord): string | null {
  const fault = recordFault(record);
  if (fault !== null) return `its record is no good: ${fault}`;
  if (nodeByUuid(record, self.uuid) === undefined) {
    const wiped = record.nodes.find((node) => sameAddress(node.address, self.advertise));
    if (wiped === undefined) return 'this node is not in its record';
    return `its record knows ${self.advertise} as node ${wiped.nodeId} with another uuid (was the disk wiped?)`;
  }
  const difference = settingsDifference(self.settings, record.settings);
  return difference === null ? null : `its settings differ: ${difference}`;
}

/** Null when this empty node and that one want the same cluster. */
function founderDifference(
  self: Candidate,
  address: string,
  answer: AskResponse,
  others: readonly Founder[],
): string | null {
  if (!answer.empty) return 'it is not empty';
  if (answer.uuid.length !== 16) return 'it has no uuid';
  const same = others.find((other) => sameBytes(other.uuid, answer.uuid));
  if (same !== undefined) return `it is the same node as ${same.address}`;
  if (!sameAddress(answer.address, address)) return `it advertises ${answer.address}`;
  if (answer.join.join() !== self.join.join()) {
    return `its --join is ${answer.join.join() || 'empty'}, here ${self.join.join()}`;
  }
  return settingsDifference(self.settings, answer.settings);
}

function sameAddress(text: string, normal: string): boolean {
  try {
    return normalAddress(text) === normal;
  } catch {
    return false;
  }
}
