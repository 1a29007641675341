import type { File, FileSystem } from '@dougdb/ports';

/** Datasyncs of files whose path matches, as they overlap. */
export interface SyncWatch {
  inFlight: number;
  most: number;
  count: number;
}

/** Passes everything on and counts datasyncs of segments in use. */
export function watchSyncs(fs: FileSystem, path: RegExp): { fs: FileSystem; watch: SyncWatch } {
  const watch: SyncWatch = { inFlight: 0, most: 0, count: 0 };
  const watched = new Proxy(fs, {
    get(target, name) {
      if (name === 'open') {
        return (...args: Parameters<FileSystem['open']>) => {
          const file = target.open(...args);
          return path.test(args[0]) ? watchFile(file, watch) : file;
        };
      }
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return { fs: watched, watch };
}

function watchFile(file: File, watch: SyncWatch): File {
  return new Proxy(file, {
    get(target, name) {
      if (name === 'datasync') {
        return async () => {
          watch.count++;
          watch.inFlight++;
          watch.most = Math.max(watch.most, watch.inFlight);
          try {
            await target.datasync();
          } finally {
            watch.inFlight--;
          }
        };
      }
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
