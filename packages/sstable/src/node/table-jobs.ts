/**
 * What a thread of {@link TableWorkers} runs: flush, compaction and check by their names, on files of the
 * thread's own and with calls that block it.
 */
import { NodeFs } from '@dougdb/ports/node';
import { threadJobs } from '../jobs/thread-jobs.js';

export const { flush, compact, check } = threadJobs(new NodeFs(), () => performance.now());
