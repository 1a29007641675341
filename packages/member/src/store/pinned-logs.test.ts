import { PinnedLogs } from './pinned-logs.js';

const pinned = (segment: number) => ({ segment, totalBytes: 1, logs: [] });

describe('PinnedLogs', () => {
  it('tells who listens, and nobody before', () => {
    const logs = new PinnedLogs();
    logs.tell(pinned(1));
    const heard: number[] = [];
    logs.listen(({ segment }) => heard.push(segment));
    logs.tell(pinned(2));
    expect(heard).toEqual([2]);
  });
});
