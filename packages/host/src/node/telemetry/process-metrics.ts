import { PromMetrics } from './prom-metrics.js';

/** The metrics of a process, those of the process itself and of its build among them. */
export function processMetrics(version: string): PromMetrics {
  const metrics = new PromMetrics();
  metrics.addProcessMetrics();
  metrics
    .gauge({
      name: 'doug_build_info',
      help: 'Always 1; the labels say what runs.',
      labels: ['version', 'node_version'],
    })
    .set(1, { version, node_version: process.version });
  return metrics;
}
