/** The `code` of an error of any package, or undefined: errors are told apart by it, never by class. */
export function codeOf(error: unknown): unknown {
  return field(error, 'code');
}

/** What a log line says of an error: code, message, and file and offset where it names them. */
export function describeError(error: unknown): Readonly<Record<string, string | number>> {
  const fields: Record<string, string | number> = {};
  for (const name of ['code', 'message', 'file', 'offset']) {
    const value = field(error, name);
    if (typeof value === 'string' || typeof value === 'number') fields[name] = value;
  }
  return fields;
}

function field(error: unknown, name: string): unknown {
  return typeof error === 'object' && error !== null
    ? (error as Readonly<Record<string, unknown>>)[name]
    : undefined;
}
