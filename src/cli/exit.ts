/** The one table of exit codes. `exec` will add its own, as `env` has them. */
export const EXIT = {
  good: 0,
  failed: 1,
  /** Usage, or a mistake in a workflow or config file. */
  usage: 2,
  /** Nobody can tell, or we refuse. */
  unsure: 3,
  /** Not there: work to do. */
  work: 10,
} as const;
export type Exit = (typeof EXIT)[keyof typeof EXIT];
