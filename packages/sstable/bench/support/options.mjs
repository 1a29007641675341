// What all comparisons take: --entries N --value-bytes A,B --rounds N --only CONCERN --dir DIR
import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    entries: { type: 'string', default: '200000' },
    'value-bytes': { type: 'string', default: '100,1024' },
    rounds: { type: 'string', default: '5' },
    only: { type: 'string', default: '' },
    dir: { type: 'string', default: tmpdir() },
  },
});

export const entries = positive('entries');
export const rounds = positive('rounds');
export const valueSizes = values['value-bytes'].split(',').map(Number);
export const only = values.only;
/** Where the databases are made. */
export const parent = values.dir;
export const KEY_BYTES = 16;

function positive(name) {
  const value = Number(values[name]);
  if (!Number.isInteger(value) || value < 1) throw new RangeError(`--${name} is ${values[name]}`);
  return value;
}
