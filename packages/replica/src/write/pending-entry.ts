import { AnswerRuns } from '../answer-runs.js';

/** An entry that is being filled or was proposed here, with those who wait for its commands. */
export class PendingEntry {
  /** Set when it was proposed. */
  term = 0;
  index = 0;
  /** Bytes of all commands. */
  commandBytes = 0;
  readonly answers = new AnswerRuns();
}
