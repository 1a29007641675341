import { delimiter, dirname } from 'node:path';

/** Settings of npm that say where packages come from; a consumer on this machine has them too. */
const ownSettings =
  /^npm_config_(registry|cache|cafile|ca|userconfig|globalconfig|proxy|https_proxy|noproxy|offline|prefer_offline)$/i;

/**
 * The environment of somebody who has nothing to do with this repository: what `npm run` adds is taken
 * out, and nothing of this tree is on the PATH.
 * @param env - ours
 * @param node - the Node binary that is to be found first
 */
export function consumerEnv(env: NodeJS.ProcessEnv, node: string): NodeJS.ProcessEnv {
  const kept = Object.entries(env).filter(
    ([name]) =>
      !/^(npm_|DOUG_|JEST_|NX_)/i.test(name) && !/^(NODE_OPTIONS|NODE_PATH|INIT_CWD)$/.test(name),
  );
  const settings = Object.entries(env).filter(([name]) => ownSettings.test(name));
  const path = (env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => !/[\\/]node_modules[\\/]/.test(folder) && !folder.endsWith('/.bin'));
  return {
    ...Object.fromEntries([...kept, ...settings]),
    PATH: [dirname(node), ...path].join(delimiter),
  };
}
