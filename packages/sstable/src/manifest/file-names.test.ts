import { manifestName, markerName, parentOf, parseFileName, tableName } from './file-names.js';

describe('file names', () => {
  it('are parsed as they are made', () => {
    expect(parseFileName(tableName(12))).toEqual({ kind: 'table', name: '000012.sst', number: 12 });
    expect(parseFileName(manifestName(7_000_000))).toEqual({
      kind: 'manifest',
      name: 'MANIFEST-7000000',
      number: 7_000_000,
    });
    expect(parseFileName(markerName(3, 11))).toEqual({
      kind: 'marker',
      name: 'marker.manifest.000003.MANIFEST-000011',
      iteration: 3,
      manifest: 11,
    });
  });

  it.each([
    '12.sst',
    '000012.sst.tmp',
    'MANIFEST',
    'marker.manifest.1.MANIFEST-000001',
    'LOCK',
    'x000012.sst',
  ])('leave %s alone', (name) => expect(parseFileName(name)).toBeNull());

  it('know the directory above', () => {
    expect(['/a/b', '/a/b/', '/a', 'a/b', 'a', '/'].map(parentOf)).toEqual([
      '/a',
      '/a',
      '/',
      'a',
      '.',
      '.',
    ]);
  });
});
