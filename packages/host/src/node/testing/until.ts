/** Longest that tests of processes wait for anything: a machine may be busy. */
export const DEADLINE_MS = 20_000;

/** Asks again until it holds. @throws after a deadline, with the last error */
export async function until<T>(what: string, ask: () => Promise<T | null>): Promise<T> {
  const endMs = performance.now() + DEADLINE_MS;
  let last: unknown = null;
  while (performance.now() < endMs) {
    try {
      const answer = await ask();
      if (answer !== null) return answer;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`not within ${DEADLINE_MS} ms: ${what}`, { cause: last });
}

/** @throws when the promise has not settled within the deadline */
export async function within<T>(what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new Error(`not within ${DEADLINE_MS} ms: ${what}`)),
      DEADLINE_MS,
    );
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
