import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A folder and some processes that end together, even if the process that began them is killed (see keeper.mjs). */
export class Household {
  readonly folder: string;
  readonly #keeper: ChildProcess;
  readonly #children: { readonly name: string; readonly child: ChildProcess }[] = [];

  private constructor(folder: string) {
    this.folder = folder;
    this.#keeper = spawn(process.execPath, [keeperPath()], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
    this.#keeper.unref();
    // The keeper may be gone already when the last word reaches it; then there is nothing left to keep.
    this.#keeper.stdin?.on('error', () => {});
    (this.#keeper.stdin as unknown as { unref(): void }).unref();
    this.#tell('folder', folder);
  }

  static async begin(name: string): Promise<Household> {
    return new Household(await mkdtemp(join(tmpdir(), `stepaside-${name}-`)));
  }

  /** Starts a program whose words go to `<folder>/<name>.log`. */
  start(name: string, command: string, args: readonly string[], env: Record<string, string> = {}): ChildProcess {
    const log = openSync(join(this.folder, `${name}.log`), 'a');
    const child = spawn(command, args, { stdio: ['ignore', log, log], env: { ...scrubbedEnv(), ...env } });
    child.on('error', () => {}); // seen as an exit code by `gone`
    if (child.pid !== undefined) this.#tell('pid', child.pid);
    child.unref();
    this.#children.push({ name, child });
    return child;
  }

  /** The name of a child that has ended although nobody asked it to. */
  gone(): string | undefined {
    return this.#children.find(({ child }) => child.exitCode !== null || child.signalCode !== null || !child.pid)?.name;
  }

  async end(): Promise<void> {
    if (this.#keeper.exitCode !== null) return;
    const ended = once(this.#keeper, 'exit');
    this.#keeper.ref();
    this.#keeper.stdin?.end();
    await ended;
  }

  #tell(what: 'pid' | 'folder', value: number | string): void {
    this.#keeper.stdin?.write(`${JSON.stringify([what, value])}\n`);
  }
}

/** Nothing of the developer's own cloud may reach a test. */
export function scrubbedEnv(): Record<string, string> {
  const kept = Object.entries(process.env).filter(
    ([name, value]) =>
      value !== undefined && !name.startsWith('AWS_') && !/^(VGW_|ROOT_ACCESS_|ROOT_SECRET_)/.test(name),
  );
  return Object.fromEntries(kept) as Record<string, string>;
}

function keeperPath(): string {
  // Bundled by faults/run.mjs and servers.mjs, this module lies elsewhere: they pass the rig's folder on.
  const rig = process.env['STEPASIDE_RIG_FOLDER'];
  return rig === undefined ? fileURLToPath(new URL('./keeper.mjs', import.meta.url)) : join(rig, 'keeper.mjs');
}
