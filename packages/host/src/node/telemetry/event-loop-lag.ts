import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import type { Metrics } from '@dougdb/ports';

const RESOLUTION_MS = 10;
const QUANTILES = [0.5, 0.99, 1] as const;

/** How late the loop comes to its timers, since the last time the metrics were read. */
export class EventLoopLag {
  readonly #histogram: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });

  constructor(metrics: Metrics) {
    const gauge = metrics.gauge({
      name: 'doug_eventloop_lag_seconds',
      help: 'How late the event loop was since the last scrape, by quantile; 1 is the worst.',
      labels: ['quantile'],
    });
    this.#histogram.enable();
    metrics.onCollect(() => {
      for (const quantile of QUANTILES) {
        const nanoseconds =
          quantile === 1 ? this.#histogram.max : this.#histogram.percentile(quantile * 100);
        // The histogram counts whole intervals; an empty one has no percentiles.
        const lag = this.#histogram.count === 0 ? 0 : nanoseconds / 1e9 - RESOLUTION_MS / 1e3;
        gauge.set(Math.max(0, lag), { quantile: String(quantile) });
      }
      this.#histogram.reset();
    });
  }

  stop(): void {
    this.#histogram.disable();
  }
}
