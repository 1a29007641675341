import { startNode } from 'doug-node';

/** Runs a member inside this program, says where it listens, stops it again. */
export async function example(dataDir: string): Promise<string[]> {
  const node = await startNode({ dataDir, listen: '127.0.0.1:0', admin: '127.0.0.1:0' });
  await node.whenReady();
  const addresses = [node.grpcAddress, node.adminAddress];
  await node.stop();
  return addresses;
}
