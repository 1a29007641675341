import { AdminServer } from './admin-server.js';

describe('admin server', () => {
  let reason: string | null = 'waiting';
  let metrics: () => Promise<{ contentType: string; body: string }>;
  let server: AdminServer;

  beforeEach(async () => {
    reason = 'waiting';
    metrics = () => Promise.resolve({ contentType: 'text/plain; v=1', body: 'x 1\n' });
    server = new AdminServer({ notReadyReason: () => reason, renderMetrics: () => metrics() });
    await server.listen('127.0.0.1:0');
  });
  afterEach(() => server.close());

  const get = (path: string, init?: RequestInit): Promise<Response> =>
    fetch(`http://${server.address}${path}`, init);

  it('is live as soon as it answers', async () => {
    expect((await get('/livez')).status).toBe(200);
  });

  it('is ready when the member is, and says why not', async () => {
    const not = await get('/readyz');
    expect([not.status, await not.text()]).toEqual([503, 'waiting\n']);
    reason = null;
    expect((await get('/readyz?verbose')).status).toBe(200);
  });

  it('shows metrics', async () => {
    const response = await get('/metrics');
    expect(response.headers.get('content-type')).toBe('text/plain; v=1');
    expect(await response.text()).toBe('x 1\n');
    metrics = () => Promise.reject(new Error('broken'));
    expect((await get('/metrics')).status).toBe(500);
  });

  it('knows nothing else', async () => {
    expect((await get('/')).status).toBe(404);
    expect((await get('/livez', { method: 'POST' })).status).toBe(405);
  });

  it('takes a POST where it is told how to answer one', async () => {
    const hooked = new AdminServer({
      notReadyReason: () => null,
      renderMetrics: metrics,
      post: (path) => (path === '/x' ? { status: 202, body: 'done\n' } : null),
    });
    await hooked.listen('127.0.0.1:0');
    const post = async (path: string): Promise<[number, string]> => {
      const response = await fetch(`http://${hooked.address}${path}`, { method: 'POST' });
      return [response.status, await response.text()];
    };
    expect(await post('/x?y=1')).toEqual([202, 'done\n']);
    expect((await post('/livez'))[0]).toBe(404);
    expect((await fetch(`http://${hooked.address}/livez`)).status).toBe(200);
    expect((await fetch(`http://${hooked.address}/x`, { method: 'PUT' })).status).toBe(405);
    await hooked.close();
  });

  it('names a port that is taken', async () => {
    const second = new AdminServer({ notReadyReason: () => null, renderMetrics: metrics });
    await expect(second.listen(server.address)).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining(server.address),
    });
  });
});
