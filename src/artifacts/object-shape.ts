const MIB = 2 ** 20;
/** One PUT up to here, if it was one before: it is in memory as a whole. */
const MOST_WHOLE = 64 * MIB;
/** Part sizes that tools use, ours first. */
const USUAL = [8, 16, 32, 64, 5, 10, 15, 20, 25, 50].map((mib) => mib * MIB);
const OURS = 8 * MIB;
/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
const MOST_PARTS = 10_000;

/**
 * In parts of how many bytes an object is sent; undefined: in one. As it was sent before, as far as its ETag tells: the
 * same bytes in the same parts have the same ETag again, and then neither its record nor what was made from it changes.
 */
export function partSizeOf(size: number, etag: string | undefined): number | undefined {
  const known = /^[0-9a-f]{32}(?:-(\d+))?$/.exec(etag ?? '');
  if (known !== null && known[1] !== undefined) {
    const same = USUAL.find((part) => Math.ceil(size / part) === Number(known[1]));
    if (same !== undefined) return same;
  }
  if (size <= (known !== null && known[1] === undefined ? MOST_WHOLE : OURS)) return undefined;
  return Math.max(OURS, Math.ceil(size / MOST_PARTS / OURS) * OURS);
}
