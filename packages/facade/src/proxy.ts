/**
 * The routing process without sockets: what `doug-facade` is made of, for simulators and for other
 * fronts.
 *
 * @example
 * ```ts
 * import { Facade } from '@dougdb/facade/proxy';
 * const facade = new Facade({ nodes: ['n1:4400'], transport, clock, random, logger, metrics, version, address });
 * facade.start();
 * const pipe = facade.openPipe(output);
 * ```
 * @packageDocumentation
 */
export { Facade, type FacadeMethod, type FacadeOptions } from './facade.js';
export type { ClientPipe, ClientPipeOutput } from './forward/client-pipe.js';
export type { ClientWatches, ClientWatchesOutput } from './front/client-watches.js';
export type { CallContext } from './front/data-front.js';
export type { StreamOutput } from './map/map-feed.js';
