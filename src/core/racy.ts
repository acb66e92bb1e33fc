/**
 * What was changed so shortly before it was read could be changed again at the same date, as git's racy entries: clocks of
 * file systems tick, some every two seconds. Its stamps prove nothing.
 */
export const RACY_MS = 2500;
