import { silentLogger, silentMetrics } from '../index.js';
import { recordingLogger } from './recording-logger.js';
import { recordingMetrics } from './recording-metrics.js';

describe('recordingLogger', () => {
  it('keeps the lines of the whole family in order, with all fields', () => {
    const logger = recordingLogger();
    const child = logger.child({ node: 1, group: undefined }).child({ group: 2 });
    logger.debug('a.b');
    child.info('c', { group: 3, index: 4 });
    child.warn('c');
    logger.error('d', { cause: null });
    expect(logger.lines).toEqual([
      { level: 'debug', event: 'a.b', fields: {} },
      { level: 'info', event: 'c', fields: { node: 1, group: 3, index: 4 } },
      { level: 'warn', event: 'c', fields: { node: 1, group: 2 } },
      { level: 'error', event: 'd', fields: { cause: null } },
    ]);
    expect(logger.of('c')).toHaveLength(2);
  });
});

describe('recordingMetrics', () => {
  const help = 'what it is';

  it('adds up counters by their labels', () => {
    const metrics = recordingMetrics();
    const counter = metrics.counter({ name: 'doug_x_total', help, labels: ['kind'] });
    expect(metrics.value('doug_x_total', { kind: 'a' })).toBeUndefined();
    counter.add(1, { kind: 'a' });
    counter.add(2, { kind: 'a' });
    counter.add(0, { kind: 'b' });
    expect(metrics.value('doug_x_total', { kind: 'a' })).toBe(3);
    expect(metrics.value('doug_x_total', { kind: 'b' })).toBe(0);
    expect(metrics.value('doug_other_total')).toBeUndefined();
  });

  it('keeps the last value of a gauge, collected just before it is read', () => {
    const metrics = recordingMetrics();
    const gauge = metrics.gauge({ name: 'doug_depth', help });
    let depth = 0;
    metrics.onCollect(() => gauge.set(++depth));
    expect(metrics.value('doug_depth')).toBe(1);
    expect(metrics.value('doug_depth')).toBe(2);
  });

  it('keeps the observations of a histogram', () => {
    const metrics = recordingMetrics();
    const histogram = metrics.histogram({ name: 'doug_fsync_seconds', help, buckets: [1] });
    histogram.observe(0.5);
    histogram.observe(2);
    expect(metrics.observations('doug_fsync_seconds')).toEqual([0.5, 2]);
    expect(metrics.value('doug_fsync_seconds')).toBe(2.5);
    expect(metrics.observations('doug_other_seconds')).toEqual([]);
  });

  it('gives the same instrument for the same name, and no other kind', () => {
    const metrics = recordingMetrics();
    const spec = { name: 'doug_x_total', help };
    metrics.counter(spec).add(1);
    metrics.counter(spec).add(1);
    expect(metrics.value('doug_x_total')).toBe(2);
    expect(metrics.names).toEqual(['doug_x_total']);
    expect(() => metrics.gauge(spec)).toThrow(TypeError);
  });

  it('refuses labels that were not declared and amounts below 0', () => {
    const counter = recordingMetrics().counter({ name: 'doug_x_total', help, labels: ['kind'] });
    expect(() => counter.add(1, { sort: 'a' })).toThrow('no label sort');
    expect(() => counter.add(-1)).toThrow(RangeError);
    expect(() => counter.add(Number.NaN)).toThrow(RangeError);
  });
});

describe('the silent ones', () => {
  it('take everything and do nothing', () => {
    const { debug, info, warn, error } = silentLogger.child({ node: 1 });
    for (const log of [debug, info, warn, error]) expect(log('event', { a: 1 })).toBeUndefined();
    const spec = { name: 'doug_x_total', help: '', buckets: [] };
    expect(silentMetrics.counter(spec).add(1)).toBeUndefined();
    expect(silentMetrics.gauge(spec).set(1)).toBeUndefined();
    expect(silentMetrics.histogram(spec).observe(1)).toBeUndefined();
    expect(silentMetrics.onCollect(() => {})).toBeUndefined();
  });
});
