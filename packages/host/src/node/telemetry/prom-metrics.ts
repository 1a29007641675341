import type {
  Counter,
  Gauge,
  Histogram,
  HistogramSpec,
  Labels,
  MetricSpec,
  Metrics,
} from '@dougdb/ports';
import * as prom from 'prom-client';

/** Metrics in a registry of their own: several members may live in one process. */
export class PromMetrics implements Metrics {
  readonly #registry = new prom.Registry();
  readonly #collectors: (() => void)[] = [];
  readonly #counters = new Map<string, Counter>();
  readonly #gauges = new Map<string, Gauge>();
  readonly #histograms = new Map<string, Histogram>();

  counter(spec: MetricSpec): Counter {
    return once(this.#counters, spec.name, () => {
      const counter = new prom.Counter(this.#configuration(spec));
      // Without labels a counter that never moved is still shown, as 0.
      return {
        add: (amount, labels) => (labels ? counter.inc(labels, amount) : counter.inc(amount)),
      };
    });
  }

  gauge(spec: MetricSpec): Gauge {
    return once(this.#gauges, spec.name, () => {
      const gauge = new prom.Gauge(this.#configuration(spec));
      return { set: (value, labels) => (labels ? gauge.set(labels, value) : gauge.set(value)) };
    });
  }

  histogram(spec: HistogramSpec): Histogram {
    return once(this.#histograms, spec.name, () => {
      const configuration = { ...this.#configuration(spec), buckets: [...spec.buckets] };
      const histogram = new prom.Histogram(configuration);
      const observe = (value: number, labels?: Labels): void =>
        labels ? histogram.observe(labels, value) : histogram.observe(value);
      return { observe };
    });
  }

  onCollect(collect: () => void): void {
    this.#collectors.push(collect);
  }

  /** CPU, memory, file descriptors, heap and garbage collection of the process. */
  addProcessMetrics(): void {
    prom.collectDefaultMetrics({ register: this.#registry });
  }

  /** The text format of Prometheus. */
  async render(): Promise<{ contentType: string; body: string }> {
    for (const collect of this.#collectors) collect();
    return { contentType: this.#registry.contentType, body: await this.#registry.metrics() };
  }

  #configuration(spec: MetricSpec): {
    name: string;
    help: string;
    labelNames: string[];
    registers: prom.Registry[];
  } {
    const { name, help, labels = [] } = spec;
    return { name, help, labelNames: [...labels], registers: [this.#registry] };
  }
}

function once<T>(known: Map<string, T>, name: string, make: () => T): T {
  const found = known.get(name);
  if (found !== undefined) return found;
  const made = make();
  known.set(name, made);
  return made;
}
