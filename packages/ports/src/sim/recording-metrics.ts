import type { Counter, Gauge, Histogram, Labels, MetricSpec, Metrics } from '../metrics.js';

/** {@link Metrics} that keep their values for a test to look at. */
export interface RecordingMetrics extends Metrics {
  /**
   * The sum of a counter, the last value of a gauge, or the sum of a histogram's observations, of
   * exactly these labels; undefined if there was none. Gauges are collected first.
   */
  value(name: string, labels?: Labels): number | undefined;
  /** The observations of a histogram, in order. */
  observations(name: string, labels?: Labels): readonly number[];
  /** Declared names, in order. */
  readonly names: readonly string[];
}

/**
 * Strict where Prometheus is: a label that the spec does not declare, a name declared twice as
 * different kinds and a negative amount of a counter throw.
 */
export function recordingMetrics(): RecordingMetrics {
  const all = new Map<string, Recorded>();
  const collectors: (() => void)[] = [];

  const declare = (kind: Recorded['kind'], spec: MetricSpec): Recorded => {
    const known = all.get(spec.name);
    if (known !== undefined && known.kind !== kind) {
      throw new TypeError(`${spec.name} is a ${known.kind}, not a ${kind}`);
    }
    const metric = known ?? new Recorded(kind, spec);
    all.set(spec.name, metric);
    return metric;
  };
  return {
    counter: (spec) => declare('counter', spec),
    gauge: (spec) => declare('gauge', spec),
    histogram: (spec) => declare('histogram', spec),
    onCollect: (collect) => {
      collectors.push(collect);
    },
    value(name, labels) {
      for (const collect of collectors) collect();
      return all.get(name)?.value(labels);
    },
    observations: (name, labels) => all.get(name)?.observations(labels) ?? [],
    get names() {
      return [...all.keys()];
    },
  };
}

class Recorded implements Counter, Gauge, Histogram {
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly #spec: MetricSpec;
  readonly #series = new Map<string, number[]>();

  constructor(kind: Recorded['kind'], spec: MetricSpec) {
    this.kind = kind;
    this.#spec = spec;
  }

  add(amount: number, labels?: Labels): void {
    if (!(amount >= 0)) throw new RangeError(`${this.#spec.name} cannot go by ${amount}`);
    const values = this.#of(labels);
    values[0] = (values[0] ?? 0) + amount;
  }

  set(value: number, labels?: Labels): void {
    this.#of(labels)[0] = value;
  }

  observe(value: number, labels?: Labels): void {
    this.#of(labels).push(value);
  }

  value(labels?: Labels): number | undefined {
    return this.#series.get(this.#key(labels))?.reduce((sum, value) => sum + value, 0);
  }

  observations(labels?: Labels): readonly number[] {
    return this.#series.get(this.#key(labels)) ?? [];
  }

  #of(labels: Labels | undefined): number[] {
    const key = this.#key(labels);
    const values = this.#series.get(key) ?? [];
    this.#series.set(key, values);
    return values;
  }

  #key(labels: Labels = {}): string {
    const declared = this.#spec.labels ?? [];
    const strange = Object.keys(labels).find((label) => !declared.includes(label));
    if (strange !== undefined) throw new TypeError(`${this.#spec.name} has no label ${strange}`);
    return JSON.stringify(declared.map((label) => labels[label] ?? null));
  }
}
