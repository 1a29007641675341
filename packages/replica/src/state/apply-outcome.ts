/** What became of a command at its place in the log. The same on every replica. */
export const ApplyOutcome = {
  /** It took effect now, or found now that its condition is not met or that there is nothing to delete. */
  Applied: 0,
  /** That happened before, under the same op id. */
  Duplicate: 1,
  /** One of its keys is not, or no longer, in the range of this partition. */
  OutOfRange: 2,
  /** Its session has no row and is too old for a new one. */
  UnknownSession: 3,
  /** Its client had declared it finished. */
  Forgotten: 4,
  /** Its session, or the session table, is full. */
  Busy: 5,
  /** It would have touched more keys than a command may (S21). */
  TooManyKeys: 6,
  /** What it found is more than an answer may carry. */
  ResultTooLarge: 7,
} as const;
export type ApplyOutcome = (typeof ApplyOutcome)[keyof typeof ApplyOutcome];
