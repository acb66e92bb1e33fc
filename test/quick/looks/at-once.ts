import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

type Callback = (error: unknown, value?: unknown) => void;
type Anything = Record<string, unknown>;

/**
 * What the long way asks of other threads is answered by this one: on a disk in memory a call takes a fiftieth of what it
 * takes to hand it over. The order of calls stays what it was. Gives the way back.
 */
export function answerAtOnce(): () => void {
  const [calls, promises] = [fs as unknown as Anything, fs.promises as unknown as Anything];
  const before = { lstat: fs.lstat, stat: fs.stat, readdir: fs.readdir };
  const open = fs.promises.open;
  for (const name of Object.keys(before)) {
    const sync = calls[`${name}Sync`] as (...words: unknown[]) => unknown;
    calls[name] = (...words: unknown[]) => {
      const done = words.pop() as Callback;
      let value: unknown;
      try {
        value = sync(...words);
      } catch (error) {
        process.nextTick(done, error);
        return;
      }
      process.nextTick(done, null, value);
    };
  }
  promises['open'] = async (path: fs.PathLike, ...how: []) =>
    how.length === 0 ? handleOf(fs.openSync(path, 'r')) : open(path, ...how);
  syncBuiltinESMExports();
  return () => {
    Object.assign(calls, before);
    promises['open'] = open;
    syncBuiltinESMExports();
  };
}

/** As much of a handle as readers need. */
function handleOf(fd: number) {
  return {
    stat: async (how: { bigint: true }) => fs.fstatSync(fd, how),
    read: async (buffer: Buffer, at: number, length: number, position: number | null) => ({
      bytesRead: fs.readSync(fd, buffer, at, length, position),
      buffer,
    }),
    sync: async () => fs.fsyncSync(fd),
    close: async () => fs.closeSync(fd),
  };
}
