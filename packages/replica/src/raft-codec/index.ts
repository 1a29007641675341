export { decodeMessageBatch, messagesOfBatch } from './decode-messages.js';
export {
  encodedMessageBytes,
  encodeMessageBatch,
  encodeMessagesRequest,
} from './encode-messages.js';
export type { PartitionMessage } from './partition-message.js';
