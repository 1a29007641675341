import { MemberError, MemberErrorCode } from '../member-error.js';

/**
 * HOST:PORT in the one form in which addresses are compared: lower case, IPv6 in brackets, no leading
 * zeros. @throws MemberError MEMBER_USAGE
 */
export function normalAddress(text: string): string {
  const match = /^(\[[0-9a-fA-F:.%]+\]|[^\s:/[\]]+):(\d{1,5})$/.exec(text.trim());
  const port = Number(match?.[2]);
  if (match?.[1] === undefined || port < 1 || port > 65_535) {
    throw new MemberError(MemberErrorCode.Usage, `'${text}' is not an address: HOST:PORT is`);
  }
  return `${match[1].toLowerCase()}:${port}`;
}

/** Order of addresses by host, then port as a number: it decides who makes the record, and node ids. */
export function compareAddresses(a: string, b: string): number {
  const [hostA, portA] = split(a);
  const [hostB, portB] = split(b);
  if (hostA !== hostB) return hostA < hostB ? -1 : 1;
  return portA - portB;
}

/** Sorted, in normal form. @throws MemberError MEMBER_USAGE for a bad address or one that is listed twice */
export function normalJoin(join: readonly string[]): string[] {
  const sorted = join.map(normalAddress).sort(compareAddresses);
  for (const [at, address] of sorted.entries()) {
    if (at > 0 && sorted[at - 1] === address) {
      throw new MemberError(MemberErrorCode.Usage, `--join lists ${address} twice`);
    }
  }
  return sorted;
}

function split(address: string): [string, number] {
  const colon = address.lastIndexOf(':');
  return [address.slice(0, colon), Number(address.slice(colon + 1))];
}
