/** What a failure is told as, and what the process ends with. */
export interface Failure {
  readonly code: string;
  readonly outcome: 'NOT_APPLIED' | 'UNKNOWN';
  readonly message: string;
  readonly exitCode: number;
  /** What to do about it. For people only. */
  readonly hint?: string | undefined;
  /** What else is told in JSON. */
  readonly details?: Readonly<Record<string, unknown>> | undefined;
}
