import type { Counter, Metrics } from '@dougdb/ports';
import type { ForwardTelemetry } from './forward/telemetry.js';
import { forwardTelemetry } from './forward/telemetry.js';

/** What is counted in a facade. */
export interface FacadeTelemetry extends ForwardTelemetry {
  /** Single calls, by method and code. */
  readonly requests: Counter;
}

const gauges = {
  client_streams: 'Pipes, streams of watches, scans and single calls of clients that are open.',
  open_items: 'Items of clients that are not answered.',
  open_bytes: 'Bytes of operations of clients that are not answered.',
  watches: 'Watches of clients that are open.',
  node_links: 'Nodes that items were sent to.',
  partitions: 'Partitions in the map.',
  map_revision: 'Revision of the meta group up to which the map has been told.',
  map_watched: '1 while a node tells the changes of the map.',
  ready: '1 when the facade serves.',
} as const;

/** Values of the gauges, by name without prefix. */
export type FacadeGauges = Readonly<Record<keyof typeof gauges, number>>;

/** Declares the metrics of a facade. @param read - called when they are shown */
export function facadeTelemetry(metrics: Metrics, read: () => FacadeGauges): FacadeTelemetry {
  const shown = Object.entries(gauges).map(([name, help]) => ({
    name: name as keyof FacadeGauges,
    gauge: metrics.gauge({ name: `doug_facade_${name}`, help }),
  }));
  metrics.onCollect(() => {
    const values = read();
    for (const { name, gauge } of shown) gauge.set(values[name]);
  });
  return {
    ...forwardTelemetry(metrics),
    requests: metrics.counter({
      name: 'doug_facade_requests_total',
      help: 'Single calls and scans, by method and code.',
      labels: ['method', 'code'],
    }),
  };
}
