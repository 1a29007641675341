import { EventLoopLag } from './event-loop-lag.js';
import { PromMetrics } from './prom-metrics.js';

describe('metrics', () => {
  it('are rendered for Prometheus, each declared once', async () => {
    const metrics = new PromMetrics();
    const spec = { name: 'doug_x_total', help: 'x.', labels: ['kind'] };
    metrics.counter(spec).add(2, { kind: 'a' });
    metrics.counter(spec).add(3, { kind: 'a' });
    metrics.counter({ name: 'doug_plain_total', help: 'p.' }).add(1);
    metrics.histogram({ name: 'doug_h_seconds', help: 'h.', buckets: [1, 2] }).observe(1.5);
    metrics
      .histogram({ name: 'doug_l_seconds', help: 'l.', buckets: [1], labels: ['k'] })
      .observe(1, { k: 'v' });
    const gauge = metrics.gauge({ name: 'doug_g', help: 'g.' });
    metrics.gauge({ name: 'doug_labelled', help: 'g.', labels: ['q'] }).set(4, { q: '1' });
    let collected = 0;
    metrics.onCollect(() => gauge.set(++collected));
    const { body, contentType } = await metrics.render();
    expect(contentType).toContain('text/plain');
    for (const line of [
      'doug_x_total{kind="a"} 5',
      'doug_plain_total 1',
      'doug_g 1',
      'doug_labelled{q="1"} 4',
      'doug_h_seconds_bucket{le="2"} 1',
      'doug_l_seconds_bucket{le="1",k="v"} 1',
    ]) {
      expect(body).toContain(line);
    }
  });

  it('of two members do not mix', async () => {
    const [a, b] = [new PromMetrics(), new PromMetrics()];
    a.counter({ name: 'doug_x_total', help: 'x.' }).add(1);
    expect((await b.render()).body).not.toContain('doug_x_total');
  });

  it('tell how late the loop is', async () => {
    const metrics = new PromMetrics();
    const lag = new EventLoopLag(metrics);
    await new Promise((resolve) => setTimeout(resolve, 30));
    const until = performance.now() + 60;
    while (performance.now() < until);
    await new Promise((resolve) => setTimeout(resolve, 30));
    const { body } = await metrics.render();
    const worst = Number(/doug_eventloop_lag_seconds\{quantile="1"\} (\S+)/.exec(body)?.[1]);
    expect(worst).toBeGreaterThan(0.03);
    lag.stop();
  });
});
