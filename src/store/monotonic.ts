/** Milliseconds of a clock that never goes back; `performance` would load half a dozen modules for its first answer. */
export function monotonic(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e3 + nanoseconds / 1e6;
}
