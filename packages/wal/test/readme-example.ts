import { crc32 } from '@dougdb/ports';
import { NodeClock, NodeFs, NodeRandom } from '@dougdb/ports/node';
import { Wal } from '@dougdb/wal';

/** Opens the WAL of a directory, appends one entry to log 1, and says what it then holds. */
export async function example(dir: string): Promise<string[]> {
  const { wal, report } = await Wal.open({
    fs: new NodeFs(),
    clock: new NodeClock(),
    random: new NodeRandom(),
    dir: `${dir}/wal`,
    quarantineDir: `${dir}/quarantine`,
  });
  const lines = [`${report.logs.length} logs, tail ${report.tail}`];

  const log = wal.log(1);
  const index = log.lastIndex() + 1;
  const data = new TextEncoder().encode(`entry ${index}`);
  wal.append(1, [{ index, term: 1, type: 0, data, checksum: crc32(data) }], index - 1);
  await new Promise<void>((resolve, reject) => {
    wal.sync((error) => (error === null ? resolve() : reject(error)));
  });
  // Durable now. Readers saw it before that.
  const read = log.entries(log.firstIndex(), index + 1, 1024 * 1024);
  if (typeof read === 'object') {
    for (const entry of read) lines.push(new TextDecoder().decode(entry.data));
  }
  await wal.close();
  return lines;
}
