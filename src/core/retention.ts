/** What to keep, as data. Nothing deletes by it before there is something to delete. */
export interface Retention {
  readonly keepLast?: number;
  readonly keepForMs?: number;
  /** By step name; a step's own rule replaces the general one. */
  readonly steps: Readonly<Record<string, Omit<Retention, 'steps'>>>;
}
