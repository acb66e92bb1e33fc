import { cpSync, readFileSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type CliOptions, folderWith, type Ran, stepaside } from '../rig/cli.js';

const root = resolve(import.meta.dirname, '../..');

export interface Example {
  readonly folder: string;
  stepaside(words: readonly string[], options?: CliOptions): Promise<Ran>;
  /** How many steps ran and how many were avoided, by the last line of `stepaside run`. */
  run(words?: readonly string[], options?: CliOptions): Promise<{ readonly ran: number; readonly avoided: number }>;
  read(name: string): string;
  lines(name: string): string[];
}

/** A copy of an example as a new user finds it, with the packages of this repository above it. */
export function example(name: string): Example {
  const above = folderWith();
  symlinkSync(join(root, 'node_modules'), join(above, 'node_modules'));
  const folder = join(above, name);
  // What somebody who tried it in place left behind (examples/.gitignore) is not part of it.
  const made =
    /(\/\.stepaside|\/runs\.log|-exists\/lake\/\w+\/dt=2024-01-02|-success\/lake|\/sales|\d-[\w-]+\/(out|report|model|card\.txt))$/;
  const filter = (path: string) => !made.test(path);
  cpSync(join(root, 'examples', name), folder, { recursive: true, filter });
  const start: Example['stepaside'] = (words, options) => stepaside(words, { cwd: folder, ...options });
  const read = (file: string) => readFileSync(join(folder, file), 'utf8');
  return {
    folder,
    stepaside: start,
    async run(words = [], options = {}) {
      const ended = await start(['run', ...words], options);
      const [, avoided, ran, failed] = /(\d+) avoided, (\d+) ran, (\d+) failed/.exec(ended.stderr) ?? [];
      if (ended.code !== 0 || failed !== '0') throw new Error(`${ended.code}: ${ended.stdout}${ended.stderr}`);
      return { ran: Number(ran), avoided: Number(avoided) };
    },
    read,
    lines: (file) => read(file).trimEnd().split('\n'),
  };
}
