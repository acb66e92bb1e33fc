import { statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * The folder where the file system begins that an absolute path lies on, whether or not the path exists: each file
 * system is a store of its own, because NFS must be asked otherwise than a local disk.
 */
export function mountRoot(path: string): string {
  let root = existing(path);
  const device = deviceOf(root);
  for (let parent = dirname(root); parent !== root && deviceOf(parent) === device; parent = dirname(root))
    root = parent;
  return root;
}

function existing(path: string): string {
  let at = path;
  while (deviceOf(at) === undefined && at !== '/') at = dirname(at);
  return at;
}

/** Undefined where nobody can tell: then the parent speaks for it, and the look itself will say what is wrong. */
function deviceOf(path: string): number | undefined {
  try {
    const facts = statSync(path, { throwIfNoEntry: false });
    return facts?.isDirectory() ? facts.dev : undefined;
  } catch {
    return undefined;
  }
}
