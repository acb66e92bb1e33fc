import { constants } from 'node:os';

/** What os.constants does not list; Linux's numbers. */
const UNLISTED: readonly (readonly [number, string])[] =
  process.platform === 'linux'
    ? [
        [112, 'EHOSTDOWN'],
        [121, 'EREMOTEIO'],
      ]
    : [];
const NAMES = new Map([...Object.entries(constants.errno).map(([name, at]) => [at, name] as const), ...UNLISTED]);

/** The kernel's name of what it refused. Some have none in libuv, and Node calls them "Unknown system error -116". */
export function errnoName({ code, errno }: NodeJS.ErrnoException): string {
  const isNameless = code === undefined || code.startsWith('Unknown system error');
  return (isNameless && errno !== undefined ? NAMES.get(Math.abs(errno)) : code) ?? 'unknown';
}
