import type { AnswerSink } from '../contract.js';

/** For commands whose answer nobody waits for. */
export const nowhere: AnswerSink = Object.freeze({
  written: () => undefined,
  looked: () => undefined,
  found: () => undefined,
  absent: () => undefined,
  failed: () => undefined,
});
