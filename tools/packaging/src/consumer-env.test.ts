import { consumerEnv } from './consumer-env.js';

it('leaves out what npm and this repository add', () => {
  const env = consumerEnv(
    {
      HOME: '/home/ada',
      PATH: '/repo/node_modules/.bin:/npm/node_modules/npm/node-gyp-bin:/usr/bin',
      NODE_OPTIONS: '--import x',
      INIT_CWD: '/repo',
      DOUG_ENDPOINTS: '127.0.0.1:4400',
      npm_config_local_prefix: '/repo',
      npm_config_cache: '/cache',
      npm_lifecycle_event: 'test',
      NPM_CONFIG_USERCONFIG: '/npmrc',
    },
    '/node-22/bin/node',
  );
  expect(env).toEqual({
    HOME: '/home/ada',
    PATH: '/node-22/bin:/usr/bin',
    npm_config_cache: '/cache',
    NPM_CONFIG_USERCONFIG: '/npmrc',
  });
});
