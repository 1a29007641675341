import type { Failure } from './failure.js';

/** What a connection that was refused is called by the system, and by people. */
const reasons: readonly (readonly [RegExp, string])[] = [
  [/ECONNREFUSED/, 'connection refused'],
  [/ENOTFOUND|EAI_AGAIN|Name resolution failed/, 'the name of the host is not known'],
  [/EHOSTUNREACH|ENETUNREACH/, 'there is no way to the host'],
  [/ETIMEDOUT/, 'the host does not answer'],
];

/** Nobody answered: says where nobody did and why, and how to name others. */
export function connectFailure(failure: Failure, endpointsFrom: string): Failure {
  const { code, message } = failure;
  if (code === 'DOUG_INVALID_ARGUMENT') {
    const hint = `${endpointsFrom} wants HOST:PORT with commas, as 127.0.0.1:4400,db2:4400`;
    return { ...failure, hint };
  }
  if (code !== 'DOUG_DEADLINE') return failure;
  const hint =
    "is a node running there? 'npx doug-node' starts one; --endpoint or DOUG_ENDPOINTS names others";
  const reason = reasons.find(([pattern]) => pattern.test(message))?.[1];
  const where = message.split(';', 1)[0] ?? message;
  return { ...failure, message: reason === undefined ? message : `${where}: ${reason}`, hint };
}
