/** Something happened in a simulation that Raft forbids. */
export class Violation extends Error {
  override readonly name = 'Violation';
  /** What is broken, by a name that stays the same from run to run. */
  readonly property: string;

  constructor(property: string, detail: string) {
    super(`${property}: ${detail}`);
    this.property = property;
  }
}
