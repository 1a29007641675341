import { startFacade } from 'doug-facade';

/** Runs a facade inside this program, says where it listens, stops it again. */
export async function example(nodes: readonly string[]): Promise<string[]> {
  const facade = await startFacade({
    nodes: [...nodes],
    listen: '127.0.0.1:0',
    admin: '127.0.0.1:0',
  });
  await facade.whenReady();
  const addresses = [facade.grpcAddress, facade.adminAddress];
  await facade.stop();
  return addresses;
}
