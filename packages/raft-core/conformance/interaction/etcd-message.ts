import { type Message, MessageType } from '#src/message.js';

/** The pseudo replicas that etcd's core sends its storage work to. */
export const APPEND_THREAD = -1;
export const APPLY_THREAD = -2;

/** Messages that our core does not have, by etcd's numbers. */
export const LocalType = {
  MsgProp: 2,
  MsgTransferLeader: 13,
  MsgStorageAppend: 19,
  MsgStorageAppendResp: 20,
  MsgStorageApply: 21,
  MsgStorageApplyResp: 22,
} as const;

/** A message of etcd's protocol: ours, or one of those that never leave a process. */
export interface EtcdMessage extends Omit<Message, 'type'> {
  type: number;
  vote?: number;
  responses?: readonly EtcdMessage[];
}

const names = new Map<number, string>(
  [...Object.entries(MessageType), ...Object.entries(LocalType)].map(([name, type]) => [
    type,
    name,
  ]),
);

export const typeName = (type: number): string => names.get(type) ?? `Msg${type}`;
export const typeOfName = (name: string): number | undefined =>
  [...names].find(([, known]) => known === name)?.[0];

const responses: ReadonlySet<number> = new Set([
  MessageType.MsgAppResp,
  MessageType.MsgVoteResp,
  MessageType.MsgHeartbeatResp,
  MessageType.MsgReadIndexResp,
  MessageType.MsgPreVoteResp,
]);

/** etcd refuses answers of replicas that it does not know. */
export const isResponse = (m: EtcdMessage): boolean => responses.has(m.type);

export const isThread = (id: number): boolean => id === APPEND_THREAD || id === APPLY_THREAD;

/** Answers of a replica to itself and of its storage cannot be lost. */
export const isLocal = (m: EtcdMessage): boolean => isThread(m.from) || m.from === m.to;
