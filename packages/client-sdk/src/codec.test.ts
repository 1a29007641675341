import fc from 'fast-check';
import {
  bytesCodec,
  decodeKey,
  decodeValue,
  encodeKey,
  encodeUtf8,
  encodeValue,
  jsonCodec,
  resolveCodec,
  utf8Codec,
} from './codec.js';

describe('codecs', () => {
  it('give back every text that has UTF-8', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(utf8Codec.decode(utf8Codec.encode(text))).toBe(text);
      }),
    );
  });

  it('give back every JSON value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const plain = JSON.parse(JSON.stringify(value));
        expect(jsonCodec.decode(jsonCodec.encode(plain))).toEqual(plain);
      }),
    );
  });

  it('copy bytes both ways', () => {
    const bytes = Uint8Array.of(1, 2);
    const encoded = bytesCodec.encode(bytes);
    const decoded = bytesCodec.decode(encoded);
    bytes[0] = 9;
    encoded[1] = 9;
    expect(decoded).toEqual(Uint8Array.of(1, 2));
    expect(encoded).toEqual(Uint8Array.of(1, 9));
  });

  it('refuse what they cannot encode', () => {
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    const refused = expect.objectContaining({ code: 'DOUG_INVALID_ARGUMENT' });
    const attempts = [
      () => encodeUtf8('\ud800x'),
      () => encodeUtf8(null as unknown as string),
      () => encodeKey({} as string),
      () => encodeKey(new Uint16Array(2) as unknown as Uint8Array),
      () => bytesCodec.encode('x' as unknown as Uint8Array),
      () => bytesCodec.encode(new DataView(new ArrayBuffer(1)) as unknown as Uint8Array),
      () => jsonCodec.encode((() => 1) as unknown as null),
      () => resolveCodec('toString' as 'utf8'),
      () => resolveCodec(null as unknown as 'utf8'),
      () => resolveCodec(7 as unknown as 'utf8'),
      () => resolveCodec({ encode: utf8Codec.encode } as typeof utf8Codec),
      () => resolveCodec({ ...utf8Codec, keys: 'hex' } as unknown as typeof utf8Codec),
      () => encodeValue(jsonCodec, circular as unknown as null),
      () => encodeValue(utf8Codec, 7 as unknown as string),
      () => encodeValue({ ...utf8Codec, encode: () => 'text' as unknown as Uint8Array }, 'v'),
      () => encodeValue({ ...utf8Codec, encode: () => new Uint16Array(1) as never }, 'v'),
    ];
    for (const attempt of attempts) {
      let error: unknown;
      try {
        attempt();
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toEqual(refused);
    }
  });

  it('tell why they refused, as INVALID_ARGUMENT or DECODE', () => {
    const broken = {
      encode: () => {
        throw new RangeError('too much');
      },
      decode: () => {
        throw new RangeError('too little');
      },
    };
    expect(thrownBy(() => encodeValue(broken, 'v'))).toMatchObject({
      code: 'DOUG_INVALID_ARGUMENT',
      outcome: 'NOT_APPLIED',
      cause: { message: 'too much' },
    });
    expect(thrownBy(() => decodeValue(broken, new Uint8Array(0)))).toMatchObject({
      code: 'DOUG_DECODE',
      outcome: 'NOT_APPLIED',
      cause: { message: 'too little' },
    });
    expect(thrownBy(() => decodeKey(utf8Codec, Uint8Array.of(0xff)))).toMatchObject({
      code: 'DOUG_DECODE',
    });
  });
});

function thrownBy(attempt: () => unknown): unknown {
  try {
    attempt();
  } catch (error) {
    return error;
  }
  return undefined;
}
