import { statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

export const CONFIG_NAME = 'stepaside.config.yaml';

/** The nearest config upward. Apart from reading it, so that who finds none loads no YAML parser. */
export function findConfig(folder: string): string | undefined {
  for (const file of configsUpward(folder)) if (mayBeThere(file)) return file;
  return undefined;
}

/** Where a config may be, the nearest first. */
export function* configsUpward(folder: string): Generator<string> {
  for (let at = resolve(folder); ; at = dirname(at)) {
    yield join(at, CONFIG_NAME);
    if (dirname(at) === at) return;
  }
}

/** One that cannot be looked at is not passed over: who reads it says what is wrong. A folder that hides its names has none for us. */
function mayBeThere(file: string): boolean {
  try {
    return statSync(file, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    return !['ENOTDIR', 'EACCES', 'ELOOP', 'ENAMETOOLONG'].includes((error as NodeJS.ErrnoException).code ?? '');
  }
}
