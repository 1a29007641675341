import { dumpTable } from '../src/node/index.js';
import { TableReader } from '../src/table/table-reader.js';
import { bytes, del, forward, marked, put } from './support/entries.js';
import { writeLevelDbTable } from './support/leveldb.js';
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

/** The same with an index of two levels. */
const TWO_LEVELS = [
  '000d036170706c65010300000000000072656406070501000000000000677265',
  '656e000000000100000000b5844d90000f0061707269636f7400040000000000',
  '0000090662010200000000000079656c6c6f770000000001000000006ecfbccd',
  '0080000002000000000000040000000000000000000000000000000000000000',
  '0000000000000000000040000000000000000001000000800000000000000000',
  '010000000601000000708e3afc000b0261707101ffffffffffff00002a000000',
  '000100000000289630e500000000080000000001000020000000000200000008',
  '0000800000800000080000000000204000000004000000000000000000000100',
  '00000000000000000000010000000601000000b353e83e000902620102000000',
  '0000002f2c0000000001000000000be2c098000a08636f6d70617261746f7262',
  '79746577697365000a0164617461426c6f636b730200090164656c6574696f6e',
  '7301000701656e7472696573040008016b65794279746573120007016c617267',
  '65737462000f016c61726765737453657175656e636504000805736d616c6c65',
  '73746170706c65001001736d616c6c65737453657175656e636501000a017661',
  '6c756542797465730e000000001500000023000000300000003b000000470000',
  '00520000006500000075000000890000000a000000009c226fa2000a0470726f',
  '70657274696573b202c3010000000001000000002b017deb000b0661707101ff',
  'ffffffffff00ad0118604801000907620102000000000000970216ca01480100',
  '00000014000000020000000028581960fa010000000000001900000018020000',
  '00000000330000000102030405060708090a0b0c0d0e0f1001010000f1804c09',
  '6cea5efa01000000444f55475353540a',
].join('');

/** The same in LevelDB's format, with its filter. */
const LEVELDB = [
  '000d036170706c65010300000000000072656406070501000000000000677265',
  '656e0000000001000000009cf0f3cd000f0061707269636f7400040000000000',
  '0000090662010200000000000079656c6c6f77000000000100000000962aef5f',
  '50254080a003c20f0600000000090000000b006762b5c500220266696c746572',
  '2e6c6576656c64622e4275696c74696e426c6f6f6d46696c7465723260120000',
  '00000100000000e66b61e8000b0261707101ffffffffffffff002a0009026201',
  '020000000000002f2c00000000100000000200000000cda26d67772fab012a00',
  '0000000000000000000000000000000000000000000000000000000000000000',
  '000057fb808b247547db',
].join('');

/** Of the same keys with longer values, compressed. Another zlib may pack them otherwise, so it is only read. */
const COMPRESSED = [
  'e00163e0354b2c28c8496564660083c4a46432101bbb192325fa9978198a3293',
  'f34b185820a630709a253132516222482fc84900027231aeaf008000000a0000',
  '0000010004200000000002000000080000800000800000080000000000204000',
  '0000044000000000000000000101000080000000000000000001000000060100',
  '00002c2ccb09000a08636f6d70617261746f726279746577697365000a016461',
  '7461426c6f636b730100090164656c6574696f6e7301000701656e7472696573',
  '040008016b65794279746573120007016c61726765737462000f016c61726765',
  '737453657175656e636504000805736d616c6c6573746170706c65001001736d',
  '616c6c65737453657175656e636501000a0276616c75654279746573a2010000',
  '00001500000023000000300000003b0000004700000052000000650000007500',
  '0000890000000a000000001d65522800120266696c7465722e626c6f6f6d2d6c',
  '696e65733948000a0470726f706572746965738601c401000000001700000002',
  '0000000098688fe3000902620102000000000000003400000000010000000000',
  '3d386d4f01000000000000340000008801000000000000160000000203040506',
  '0708090a0b0c0d0e0f101101020000de30f3d0999c233901000000444f554753',
  '53540a',
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

describe('the table format with a mark', () => {
  it('is that without it but for one bit of the kind', () => {
    const fs = newFs();
    const withMark = [marked('a', 1, 'v'), put('b', 2, 'w')];
    writeTable(fs, 1, withMark, { blockBytes: 4096 });
    writeTable(fs, 2, [put('a', 1, 'v'), put('b', 2, 'w')], { blockBytes: 4096 });
    const [with_, without] = [1, 2].map((n) => hex(fs.contents(`${DIR}/00000${n}.sst`)));
    const block = (kind: string) => `00090161${kind}010000000000007600090162010200000000000077`;
    expect(with_?.startsWith(block('03'))).toBe(true);
    expect(without?.startsWith(block('01'))).toBe(true);
    const dumped: string[] = [];
    dumpTable(fs, `${DIR}/000001.sst`, ({ kind, marked: isMarked }) => {
      dumped.push(`${kind} ${isMarked}`);
    });
    expect(dumped).toEqual(['set true', 'set false']);
  });
});

describe('the table format with an index of two levels', () => {
  it('is written byte for byte as ever', () => {
    const fs = newFs();
    writeTable(fs, 1, entries, { blockBytes: 40, indexBytes: 1 });
    expect(hex(fs.contents(`${DIR}/000001.sst`)).match(/.{1,64}/g)).toEqual(
      TWO_LEVELS.match(/.{1,64}/g),
    );
  });

  it('is read as ever', () => {
    const fs = newFs();
    fs.plant(`${DIR}/000001.sst`, unhex(TWO_LEVELS));
    const reader = TableReader.open(fs, `${DIR}/000001.sst`, null, null);
    expect(forward(reader.cursor())).toEqual(entries);
  });
});

describe('the table format with compressed blocks', () => {
  it('is read as ever', () => {
    const fs = newFs();
    fs.plant(`${DIR}/000001.sst`, unhex(COMPRESSED));
    const reader = TableReader.open(fs, `${DIR}/000001.sst`, null, null);
    const long = bytes('abcabcabc'.repeat(6));
    expect(forward(reader.cursor())).toEqual(
      entries.map((entry) => (entry.kind === 0 ? entry : { ...entry, value: long })),
    );
  });
});

describe("the table format of LevelDB's", () => {
  it('is written byte for byte as ever, and read', () => {
    const fs = newFs();
    const path = `${DIR}/000001.ldb`;
    writeLevelDbTable(fs, path, entries, { blockBytes: 40, filter: 'bloom' });
    expect(hex(fs.contents(path)).match(/.{1,64}/g)).toEqual(LEVELDB.match(/.{1,64}/g));
    fs.plant(path, unhex(LEVELDB));
    expect(forward(TableReader.open(fs, path, null, null).cursor())).toEqual(entries);
  });
});
