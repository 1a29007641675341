import type { Counter, Metrics } from '@dougdb/ports';

/** What is counted on the way to the nodes. */
export interface ForwardTelemetry {
  readonly items: Counter;
  readonly messages: Counter;
  readonly refusals: Counter;
  readonly streamsLost: Counter;
  readonly unroutable: Counter;
}

/** Declares the metrics of the forwarder. */
export function forwardTelemetry(metrics: Metrics): ForwardTelemetry {
  return {
    items: metrics.counter({
      name: 'doug_facade_items_sent_total',
      help: 'Items that were sent to nodes.',
    }),
    messages: metrics.counter({
      name: 'doug_facade_messages_sent_total',
      help: 'Messages with items that were sent to nodes.',
    }),
    refusals: metrics.counter({
      name: 'doug_facade_node_refusals_total',
      help: 'Items that a node refused, by code.',
      labels: ['code'],
    }),
    streamsLost: metrics.counter({
      name: 'doug_facade_streams_lost_total',
      help: 'Pipe streams to nodes that were lost, or did not come about.',
    }),
    unroutable: metrics.counter({
      name: 'doug_facade_unroutable_total',
      help: 'Items for which no partition or no leader was known.',
    }),
  };
}
