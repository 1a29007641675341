import { GrpcTransport } from '@dougdb/facade/node';
import { NodeClock, NodeRandom } from '@dougdb/ports/node';
import { DougClient as Client } from './client.js';
import type { Key, NamedCodecs } from './codec.js';
import type { ClientOptions, ConnectOptions } from './options.js';

/** A client of one cluster; see {@link DougClient.connect}. */
export type DougClient<V = string, K extends Key = string> = Client<V, K>;

type Named<N extends keyof NamedCodecs> = Client<NamedCodecs[N]['value'], NamedCodecs[N]['key']>;
interface WithNamedCodec<N> {
  readonly codec: N;
}

function connect<N extends keyof NamedCodecs>(
  endpoints: string | readonly string[],
  options: Omit<ClientOptions, 'codec'> & WithNamedCodec<N>,
): Promise<Named<N>>;
function connect<N extends keyof NamedCodecs>(
  options: Omit<ConnectOptions, 'codec'> & WithNamedCodec<N>,
): Promise<Named<N>>;
function connect<V = string, K extends Key = string>(
  endpoints: string | readonly string[],
  options?: ClientOptions<V, K>,
): Promise<Client<V, K>>;
function connect<V = string, K extends Key = string>(
  options: ConnectOptions<V, K>,
): Promise<Client<V, K>>;
function connect<V, K extends Key>(
  target: string | readonly string[] | ConnectOptions<V, K>,
  options: ClientOptions<V, K> = {},
): Promise<Client<V, K>> {
  const all =
    typeof target === 'string' || isList(target) ? { ...options, endpoints: target } : target;
  const ports = {
    transport: new GrpcTransport(),
    clock: new NodeClock(),
    random: new NodeRandom(),
  };
  return Client.open(ports, all);
}

function isList<T>(value: readonly string[] | T): value is readonly string[] {
  return Array.isArray(value);
}

/** Connects to clusters. */
export const DougClient = Object.freeze({
  /**
   * Finds the cluster behind some endpoints. One that answers is enough; the others are found by it.
   * @param endpoints - 'HOST:PORT,HOST:PORT', a list, or an object with `endpoints` and the options
   * @throws DougError INVALID_ARGUMENT for options that make no sense; DEADLINE when nobody has answered within timeoutMs
   */
  connect,
});
