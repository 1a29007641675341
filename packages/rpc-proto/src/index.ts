/**
 * DougDB's protocol: messages, the one table of error codes, limits, and hand-written codecs for the
 * hot paths. gRPC service definitions are in `@dougdb/rpc-proto/node`.
 *
 * @example
 * ```ts
 * const command = encodePut(null, utf8.encode('user/1'), utf8.encode('Ada'));
 * const view = new CommandView();
 * readCommand(command, 0, command.length, view);
 * new TextDecoder().decode(command.subarray(view.keyStart, view.keyEnd)); // 'user/1'
 * ```
 * @packageDocumentation
 */
export {
  type CodeName,
  type CodeRow,
  codeFromWire,
  codeNames,
  codes,
  type DougErrorCode,
  isCodeName,
  type OutcomeName,
  type RetryRule,
} from './codes.js';
export {
  type CommandBody,
  checkTtl,
  encodeDeleteRange,
  encodeInternal,
  encodeTxn,
  forEachRange,
  type VisitRange,
} from './command-body.js';
export {
  type CommandKind,
  CommandView,
  checkKeyBytes,
  type DeleteConditions,
  encodeDelete,
  encodePut,
  type OpIdFields,
  type PutConditions,
  readCommand,
  SESSION_BYTES,
} from './command-codec.js';
export {
  checkRequestBytes,
  decodeRequest,
  decodeWhole,
  type MessageDecoder,
} from './decode-request.js';
export { DougError, type DougErrorOptions, fromWire, toWire } from './doug-error.js';
export * from './gen/dougdb/admin/v1/admin.js';
export * from './gen/dougdb/raft/v1/genesis.js';
export * from './gen/dougdb/raft/v1/raft.js';
export * from './gen/dougdb/v1/doug.js';
export * from './gen/dougdb/v1/routes.js';
export * from './gen/dougdb/v1/types.js';
export {
  assertLimits,
  type LimitTable,
  limits,
  MAX_TTL_MS,
  PIPE_ITEM_TIMEOUT_MS,
} from './limits.js';
export {
  type PipeOp,
  type PipeRequestVisitor,
  readPipeRequest,
} from './pipe/request-reader.js';
export { PipeRequestWriter } from './pipe/request-writer.js';
export { NO_HEADER } from './pipe/response-format.js';
export { type PipeResponseVisitor, readPipeResponse } from './pipe/response-reader.js';
export { type LookedWrite, PipeResponseWriter } from './pipe/response-writer.js';
export { EVENTUAL, LINEARIZABLE, type ReadLevel, readLevel } from './read-level.js';
export {
  previousBytes,
  type WatchedChange,
  type WatchedValue,
  watchEventBytes,
  watchKeyOffset,
  writePrevious,
  writeWatchEvent,
} from './watch/watch-event-format.js';
export {
  beginWatchEvent,
  type EncodedWatchEvents,
  encodeWatchEvents,
  joinWatchResponses,
  watchEventFieldBytes,
} from './watch/watch-response-writer.js';
export { FRAME_HEADROOM_BYTES, varintSize, writeVarint } from './wire/byte-sink.js';
export { WireReader } from './wire/wire-reader.js';
