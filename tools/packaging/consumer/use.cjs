// A CommonJS program of someone who installed @dougdb/client. Usage: node use.cjs HOST:PORT
const { strict: assert } = require('node:assert');
const { DougClient } = require('@dougdb/client');

async function main(endpoint) {
  const db = await DougClient.connect(endpoint);
  try {
    const { revision } = await db.put('module', 'require');
    assert.deepEqual(await db.get('module'), { key: 'module', value: 'require', revision });
  } finally {
    await db.close();
  }
}

main(process.argv[2]).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
