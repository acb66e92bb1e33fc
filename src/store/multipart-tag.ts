import { createHash } from 'node:crypto';

/** The tag of an object in parts, as servers make it that name contents by MD5; of others it is like no tag. */
export function tagOfParts(tags: readonly string[]): string {
  const all = createHash('md5');
  for (const tag of tags) all.update(Buffer.from(tag, 'hex'));
  return `${all.digest('hex')}-${tags.length}`;
}
