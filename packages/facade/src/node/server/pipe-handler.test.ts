import { EventEmitter } from 'node:events';
import { DougError, limits } from '@dougdb/rpc-proto';
import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { Facade } from '../../facade.js';
import type { ClientPipeOutput } from '../../forward/client-pipe.js';
import { pipeHandler } from './pipe-handler.js';

/** A stream of grpc-js, as far as the handler uses it. */
class FakeCall extends EventEmitter {
  readonly written: Uint8Array[] = [];
  readonly callbacks: (() => void)[] = [];
  isPaused = false;
  isEnded = false;

  write(bytes: Uint8Array, callback: () => void): boolean {
    if (this.isEnded) throw new Error('write after end');
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
  const pipe = { openItems: 0, isAnswered: true, got: [] as Uint8Array[], closes: 0 };
  let output: ClientPipeOutput | undefined;
  const facade = {
    openPipe: (given: ClientPipeOutput) => {
      output = given;
      return {
        get openItems() {
          return pipe.openItems;
        },
        get isAnswered() {
          return pipe.isAnswered;
        },
        received: (bytes: Uint8Array) => pipe.got.push(bytes),
        closed: () => {
          pipe.closes++;
        },
      };
    },
  } as unknown as Facade;
  const stream = call as unknown as ServerDuplexStream<Uint8Array, Uint8Array>;
  pipeHandler(facade)(stream);
  return { call, pipe, output: output as ClientPipeOutput };
}

const bytes = (size: number): Uint8Array => new Uint8Array(size);

describe('the handler of a pipe', () => {
  it('reads no more while the window is full', () => {
    const { call, pipe, output } = setup();
    call.emit('data', bytes(1));
    expect(call.isPaused).toBe(false);
    pipe.openItems = limits.pipeWindowItems;
    call.emit('data', bytes(2));
    expect(call.isPaused).toBe(true);
    output.drained();
    expect(call.isPaused).toBe(true);
    pipe.openItems = 10;
    output.drained();
    expect([call.isPaused, pipe.got.length]).toEqual([false, 2]);
  });

  it('reads no more from a client that does not read', () => {
    const { call, output } = setup();
    output.send(bytes(limits.answerQueueBytes / 2));
    call.emit('data', bytes(1));
    expect(call.isPaused).toBe(false);
    output.send(bytes(1));
    expect(output.queuedBytes).toBe(limits.answerQueueBytes / 2 + 1);
    call.emit('data', bytes(1));
    expect(call.isPaused).toBe(true);
    // The connection has taken the first message.
    call.callbacks[0]?.();
    expect([call.isPaused, output.queuedBytes]).toEqual([false, 1]);
  });

  it('ends when the client has ended and every answer has left', () => {
    const { call, pipe, output } = setup();
    // Answered, and the answer waits for the end of the turn.
    pipe.isAnswered = false;
    call.emit('end');
    expect(call.isEnded).toBe(false);
    pipe.isAnswered = true;
    output.send(bytes(5));
    expect([call.isEnded, call.written.length]).toEqual([true, 1]);
  });

  it('ends at once when nothing is owed', () => {
    const { call } = setup();
    call.emit('end');
    expect(call.isEnded).toBe(true);
  });

  it('tells the client why it ends, and the pipe that the client is gone', () => {
    const { call, pipe, output } = setup();
    const errors: unknown[] = [];
    call.on('error', (error) => errors.push(error));
    output.fail(new DougError('INVALID_ARGUMENT', 'garbage'));
    expect(errors).toMatchObject([{ code: 3 }]);
    call.emit('cancelled');
    call.emit('close');
    expect(pipe.closes).toBeGreaterThan(0);
  });
});
