/**
 * Histories of what clients saw: a recorder, a checker that says whether they are linearizable, and a
 * generator of histories to try it on.
 * @packageDocumentation
 */
export {
  type CheckOptions,
  type CheckReport,
  checkHistory,
  defaultMaxWork,
  operationsByKey,
  type Verdict,
} from './checker/check-history.js';
export { type Explanation, explainKey, formatExplanation } from './checker/explain.js';
export {
  defaultGeneratorOptions,
  type GeneratorOptions,
  generateHistory,
} from './generator/generate-history.js';
export {
  type MutatedHistory,
  type Mutation,
  mutateHistory,
  mutations,
} from './generator/mutate-history.js';
export { decodeOperation, encodeOperation } from './history/format.js';
export { HistoryFormatError } from './history/history-format-error.js';
export type {
  Answer,
  Call,
  History,
  Operation,
  OperationRecord,
  ProcessId,
  Status,
} from './history/operation.js';
export { parseHistory } from './history/parse-history.js';
export {
  type NemesisCounts,
  type ProcessNemesisOptions,
  runProcessNemesis,
  type Victim,
} from './nemesis/process-nemesis.js';
export { FileSink } from './recorder/file-sink.js';
export {
  type AnswerTo,
  HistoryRecorder,
  type HistoryRecorderOptions,
  type OpenOperation,
  type RecordedCounts,
} from './recorder/history-recorder.js';
export { type HistorySink, TextSink } from './recorder/history-sink.js';
export { KeyRotation, type KeyRotationOptions } from './recorder/key-rotation.js';
export {
  type RecordableClient,
  type RecordingOptions,
  recordingClient,
} from './recorder/recording-client.js';
export {
  type ClientGap,
  type CounterWorkloadOptions,
  type CounterWorkloadResult,
  type CountingClient,
  runCounterWorkload,
} from './workload/counter-workload.js';
export {
  type RegisterWorkloadOptions,
  type RegisterWorkloadResult,
  runRegisterWorkload,
} from './workload/register-workload.js';
