/**
 * Metrics, declared once each in a package's `telemetry.ts` and handed the values as they occur.
 * Names are Prometheus names with a unit suffix (`doug_wal_fsync_seconds`). Asking twice for one name
 * gives the same instrument.
 */
export interface Metrics {
  counter(spec: MetricSpec): Counter;
  gauge(spec: MetricSpec): Gauge;
  histogram(spec: HistogramSpec): Histogram;
  /** Calls `collect` just before values are read, to set gauges from state. */
  onCollect(collect: () => void): void;
}

export interface MetricSpec {
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
}

export interface HistogramSpec extends MetricSpec {
  /** Upper bounds, ascending, in the unit of the name. */
  readonly buckets: readonly number[];
}

export type Labels = Readonly<Record<string, string>>;

export interface Counter {
  add(amount: number, labels?: Labels): void;
}

export interface Gauge {
  set(value: number, labels?: Labels): void;
}

export interface Histogram {
  observe(value: number, labels?: Labels): void;
}

const nothing = { add() {}, set() {}, observe() {} };

/** Measures nothing. The default of every library part. */
export const silentMetrics: Metrics = {
  counter: () => nothing,
  gauge: () => nothing,
  histogram: () => nothing,
  onCollect() {},
};
