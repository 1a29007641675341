import fc from 'fast-check';
import { bytesCodec, encodeKey, encodeUtf8, jsonCodec, resolveCodec, utf8Codec } from './codec.js';

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
});
