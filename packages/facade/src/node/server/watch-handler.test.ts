import { EventEmitter } from 'node:events';
import { DougError } from '@dougdb/rpc-proto';
import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { Facade } from '../../facade.js';
import type { ClientWatchesOutput } from '../../front/client-watches.js';
import { watchHandler } from './watch-handler.js';

/** A stream of grpc-js, as far as the handler uses it. */
class FakeCall extends EventEmitter {
  readonly written: Uint8Array[] = [];
  readonly callbacks: (() => void)[] = [];
  isEnded = false;
  isPaused = false;

  write(bytes: Uint8Array, callback: () => void): boolean {
    this.written.push(bytes);
    this.callbacks.push(callback);
    return true;
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  end(): void {
    this.isEnded = true;
  }
}

function setup() {
  const call = new FakeCall();
  const watches = { got: [] as Uint8Array[], closes: 0, drains: 0, isFull: false };
  let output: ClientWatchesOutput | undefined;
  const facade = {
    openWatches: (given: ClientWatchesOutput) => {
      output = given;
      return {
        get isFull() {
          return watches.isFull;
        },
        received: (bytes: Uint8Array) => watches.got.push(bytes),
        drained: () => {
          watches.drains++;
        },
        closed: () => {
          watches.closes++;
        },
      };
    },
  } as unknown as Facade;
  watchHandler(facade)(call as unknown as ServerDuplexStream<Uint8Array, Uint8Array>);
  return { call, watches, output: output as ClientWatchesOutput };
}

const bytes = (size: number): Uint8Array => new Uint8Array(size);

describe('the handler of a stream of watches', () => {
  it('hands over what comes, and knows what the connection has not taken', () => {
    const { call, watches, output } = setup();
    call.emit('data', bytes(3));
    output.send(bytes(100));
    output.send(bytes(1));
    expect([watches.got.length, output.queuedBytes, watches.drains]).toEqual([1, 101, 0]);
    call.callbacks[0]?.();
    expect([output.queuedBytes, watches.drains, call.written.length]).toEqual([1, 1, 2]);
  });

  it('reads nothing more while answers wait for a slow reader', () => {
    const { call, watches, output } = setup();
    output.send(bytes(100));
    output.send(bytes(100));
    watches.isFull = true;
    call.emit('data', bytes(1));
    expect(call.isPaused).toBe(true);
    call.callbacks[0]?.();
    expect(call.isPaused).toBe(true);
    watches.isFull = false;
    call.callbacks[1]?.();
    expect(call.isPaused).toBe(false);
  });

  it('ends with its client, whichever way that goes', () => {
    for (const event of ['end', 'cancelled', 'close']) {
      const { call, watches } = setup();
      call.emit(event);
      expect([event, watches.closes, call.isEnded]).toEqual([event, 1, event === 'end']);
    }
  });

  it('tells the client why it ends', () => {
    const { call, output } = setup();
    const errors: unknown[] = [];
    call.on('error', (error) => errors.push(error));
    output.fail(new DougError('INVALID_ARGUMENT', 'garbage'));
    expect(errors).toMatchObject([{ code: 3 }]);
  });
});
