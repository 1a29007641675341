import { ByteReader, DecodeError } from '../encoding/byte-reader.js';
import { ByteWriter } from '../encoding/byte-writer.js';
import { BlockBuilder, INDEX_RESTART_INTERVAL } from './block-builder.js';
import { asciiBytes, decodePlainBlock } from './plain-block.js';

/** Name of the properties block in the metaindex. */
export const PROPERTIES_NAME = 'properties';

/** Name of the order of user keys: bytewise. Another name is another format. */
export const COMPARATOR = 'bytewise';

/** What a table says of itself: enough to enter it into a manifest again if that is lost. */
export interface TableProperties {
  readonly entries: number;
  readonly deletions: number;
  readonly dataBlocks: number;
  /** Bytes of user keys and values as given. */
  readonly keyBytes: number;
  readonly valueBytes: number;
  readonly smallest: Uint8Array;
  readonly largest: Uint8Array;
  readonly smallestSequence: number;
  readonly largestSequence: number;
}

const NUMBERS = [
  'dataBlocks',
  'deletions',
  'entries',
  'keyBytes',
  'largestSequence',
  'smallestSequence',
  'valueBytes',
] as const;

/** Contents of a properties block: a plain block, names ascending, numbers as uvarints. */
export function encodeProperties(properties: TableProperties): Uint8Array {
  const fields = new Map<string, Uint8Array>([
    ['comparator', asciiBytes(COMPARATOR)],
    ['largest', properties.largest],
    ['smallest', properties.smallest],
  ]);
  for (const name of NUMBERS) {
    fields.set(name, new ByteWriter().uvarint(properties[name]).finish());
  }
  return encodePlainBlock(fields);
}

/** A plain block of these entries in the order of their names. */
export function encodePlainBlock(fields: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const builder = new BlockBuilder(INDEX_RESTART_INTERVAL);
  for (const name of [...fields.keys()].sort()) {
    const value = fields.get(name) ?? new Uint8Array(0);
    builder.add(asciiBytes(name), name.length, value, 0, value.length);
  }
  return builder.finish(0).slice();
}

/** Unknown names are passed over. @throws DecodeError */
export function decodeProperties(block: Uint8Array): TableProperties {
  const fields = decodePlainBlock(block);
  const bytes = (name: string): Uint8Array => {
    const value = fields.get(name);
    if (value === undefined) throw new DecodeError(`the property ${name} is missing`);
    return value;
  };
  const number = (name: string): number => new ByteReader(bytes(name)).uvarint();
  if (!asciiBytes(COMPARATOR).every((byte, i) => bytes('comparator')[i] === byte)) {
    throw new DecodeError('the keys are in another order than bytewise');
  }
  return {
    entries: number('entries'),
    deletions: number('deletions'),
    dataBlocks: number('dataBlocks'),
    keyBytes: number('keyBytes'),
    valueBytes: number('valueBytes'),
    smallest: bytes('smallest').slice(),
    largest: bytes('largest').slice(),
    smallestSequence: number('smallestSequence'),
    largestSequence: number('largestSequence'),
  };
}
