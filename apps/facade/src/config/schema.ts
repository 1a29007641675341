import { fields } from '@dougdb/host';
import { z } from 'zod';

const { list, listenAddress, logLevel, peerAddress, yesOrNo } = fields;

/**
 * Every setting of a facade: the one place for names, checks, defaults and help. A flag is the name in
 * kebab case (`--log-level`), a variable of the environment in capitals (`DOUG_FACADE_LOG_LEVEL`), a key
 * of the config file the name itself.
 */
export const facadeSchema = z.strictObject({
  name: z.string().min(1).max(64).default('f1').describe('what this facade is called in its logs'),
  nodes: list(peerAddress)
    .default([])
    .describe('addresses of some nodes; one that answers is enough, the others are found by it'),
  listen: listenAddress
    .default('127.0.0.1:4300')
    .describe('address of the gRPC server; port 0 takes a free one'),
  admin: listenAddress
    .default('127.0.0.1:4380')
    .describe('address of /livez, /readyz and /metrics; port 0 takes a free one'),
  logLevel: logLevel.default('info').describe('least level of the log lines on stderr'),
  insecure: yesOrNo
    .default(false)
    .describe('allow addresses that are not loopback: there is no TLS and no authentication yet'),
});

/** The resolved settings of one facade. */
export type FacadeConfig = Readonly<z.infer<typeof facadeSchema>>;
