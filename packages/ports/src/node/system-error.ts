/** An error with a code as Node's own file functions throw it. */
export function systemError(code: string, syscall: string, path: string): Error {
  const error = new Error(`${code}: ${syscall} '${path}'`);
  return Object.assign(error, { code, syscall, path });
}

/** The `code` of anything that was thrown; undefined if it has none. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
