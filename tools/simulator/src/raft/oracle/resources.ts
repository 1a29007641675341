import {
  type Config,
  defaultConfig,
  entrySizeBytes,
  type RawNode,
  StateType,
  type Status,
} from '@dougdb/raft-core';
import { Violation } from '@dougdb/raft-core/testing';
import type { LogMirror } from './log-mirror.js';

/** No entry of a simulated client is bigger. */
const MAX_ENTRY_BYTES = 512;

/** What a replica keeps for others and for its host has bounds, and is counted right. */
export class Resources {
  readonly #config: Omit<Config, 'id' | 'storage' | 'random'>;

  constructor(config: Partial<Config>) {
    this.#config = { ...defaultConfig, ...config };
  }

  check(node: RawNode, log: LogMirror, settled: number): void {
    const status = node.status();
    const { maxPendingReads, repair } = this.#config;
    demand(status.pendingReads <= 2 * maxPendingReads + 1, status, 'reads', status.pendingReads);
    if (status.role === StateType.StateLeader) this.#checkWindows(node, status);
    // What is not handed out is not in the mirror, and a damaged entry's size is not known.
    if (repair || node.hasReady() || settled !== status.commit) return;
    const bytes = uncommittedBytes(log, status.commit);
    demand(status.uncommittedBytes === bytes, status, 'uncommitted bytes', status.uncommittedBytes);
  }

  /** Bytes that were handed out for application and are not applied. */
  checkApplying(id: number, bytes: number): void {
    if (bytes < this.#config.maxApplyingBytes + MAX_ENTRY_BYTES) return;
    throw new Violation('bounded', `${id} is to apply ${bytes} bytes`);
  }

  #checkWindows(node: RawNode, status: Status): void {
    const { maxInflightMsgs, maxInflightBytes, maxSizePerMsg } = this.#config;
    const mostBytes = maxInflightBytes + Math.max(maxSizePerMsg, MAX_ENTRY_BYTES);
    node.progress((_id, { inflights }) => {
      demand(inflights.count <= maxInflightMsgs, status, 'messages under way', inflights.count);
      demand(inflights.bytes < mostBytes, status, 'bytes under way', inflights.bytes);
    });
  }
}

function uncommittedBytes(log: LogMirror, commit: number): number {
  let bytes = 0;
  for (let index = commit + 1; index <= log.last; index++) {
    const entry = log.at(index);
    // Entries without data are free.
    if (entry !== undefined && entry.data.length > 0) bytes += entrySizeBytes(entry);
  }
  return bytes;
}

function demand(isMet: boolean, { id }: Status, what: string, count: number): void {
  if (!isMet) throw new Violation('bounded', `${id} has ${count} ${what}`);
}
