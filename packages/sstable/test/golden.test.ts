import { dumpTable } from '../src/node/index.js';
import { bytes, del, forward, put } from './support/entries.js';
import { DIR, newFs, openTable, writeTable } from './support/tables.js';

const entries = [
  put('apple', 3, 'red'),
  put('apple', 1, 'green'),
  del('apricot', 4),
  put('b', 2, 'yellow'),
];

/** Written down once. If this has to change, the format has changed: a new version, and both are read. */
const GOLDEN = [
  '000d036170706c65010300000000000072656406070501000000000000677265',
  '656e000000000100000000b5844d90000f0061707269636f7400040000000000',
  '0000090662010200000000000079656c6c6f770000000001000000006ecfbccd',
  '008000000a000000000100042000000000020000000800008000008000000800',
  '0000000020400000000440000000000000000001010000800000000000000000',
  '010000000601000000c2fdbe14000a08636f6d70617261746f72627974657769',
  '7365000a0164617461426c6f636b730200090164656c6574696f6e7301000701',
  '656e7472696573040008016b65794279746573120007016c6172676573746200',
  '0f016c61726765737453657175656e636504000805736d616c6c657374617070',
  '6c65001001736d616c6c65737453657175656e636501000a0176616c75654279',
  '7465730e000000001500000023000000300000003b0000004700000052000000',
  '6500000075000000890000000a000000002f05918a00120266696c7465722e62',
  '6c6f6f6d2d6c696e65736048000a0470726f70657274696573ad01c301000000',
  '00170000000200000000a386db61000b0261707101ffffffffffff00002a0009',
  '026201020000000000002f2c0000000010000000020000000008d02f08750100',
  '000000000034000000ae010000000000002a0000000102030405060708090a0b',
  '0c0d0e0f1001000000f1804c09725822cc01000000444f55475353540a',
].join('');

function hex(data: Uint8Array): string {
  return Array.from(data, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function unhex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

describe('the table format, version 1', () => {
  it('is written byte for byte as ever', () => {
    const fs = newFs();
    writeTable(fs, 1, entries, 40);
    expect(hex(fs.contents(`${DIR}/000001.sst`)).match(/.{1,64}/g)).toEqual(
      GOLDEN.match(/.{1,64}/g),
    );
  });

  it('is read as ever', () => {
    const fs = newFs();
    const meta = writeTable(fs, 1, entries, 40);
    fs.plant(`${DIR}/000001.sst`, unhex(GOLDEN));
    expect(forward(openTable(fs, meta).cursor())).toEqual(entries);
    const dumped: string[] = [];
    const { properties } = dumpTable(fs, `${DIR}/000001.sst`, ({ sequence, kind }) =>
      dumped.push(`${kind} ${sequence}`),
    );
    expect(dumped).toEqual(['set 3', 'set 1', 'delete 4', 'set 2']);
    expect(properties).toMatchObject({ entries: 4, smallest: bytes('apple'), largest: bytes('b') });
  });
});
