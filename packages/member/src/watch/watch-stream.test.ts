import { SimScheduler } from '@dougdb/ports/sim';
import { Code, limits, WatchCreate, WatchRequest, WatchResponse } from '@dougdb/rpc-proto';
import type { ClusterView } from '../handlers/cluster-view.js';
import { WatchHeaders } from './watch-headers.js';
import { WatchStream } from './watch-stream.js';

describe('a stream of watches', () => {
  it('takes no more watches than a member may have', () => {
    const clock = new SimScheduler().clock();
    const answers: WatchResponse[] = [];
    const stream = new WatchStream(
      {
        clock,
        headers: new WatchHeaders(clock),
        view: () => ({}) as ClusterView,
        openWatches: () => limits.watches,
        onClosed: () => undefined,
      },
      {
        queuedBytes: 0,
        send: (response) => answers.push(WatchResponse.decode(response)),
        fail: (error) => {
          throw error;
        },
      },
    );
    const token = Uint8Array.of(1, 2, 3);
    const create = WatchCreate.fromPartial({ watchId: 7, token });
    stream.received(WatchRequest.encode({ request: { $case: 'create', value: create } }).finish());
    expect(answers).toMatchObject([{ watchId: 7, token, error: { code: Code.CODE_BUSY } }]);
    expect(stream.size).toBe(0);
  });
});
