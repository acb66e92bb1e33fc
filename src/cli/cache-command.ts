import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Workflow } from '../core/step.js';
import type { OpenEngine } from '../open-engine.js';
import type { Args, Command } from './command.js';
import { engineFor } from './engine.js';
import { EXIT, type Exit } from './exit.js';
import { loadSurroundings, loadWork } from './load.js';
import type { Terminal } from './terminal.js';

export interface AtCache {
  readonly args: Args;
  readonly terminal: Terminal;
  readonly engine: OpenEngine;
  /** Where there is a workflow file. */
  readonly workflow?: Workflow;
}

/** For commands about the cache itself: that of the workflow where there is one, else --cache, else .stepaside/ here. */
export function onCache(act: (at: AtCache) => Promise<Exit>): Command {
  return async (args, terminal) => {
    const file = args.one('file') ?? (terminal.env['STEPASIDE_FILE'] || 'stepaside.yaml');
    const named = args.one('file') !== undefined || existsSync(resolve(terminal.cwd, file));
    let workflow: Workflow | undefined;
    let surroundings: Awaited<ReturnType<typeof loadSurroundings>>;
    if (named) {
      const loaded = await loadWork(args, terminal);
      if (!loaded.ok) return EXIT.usage;
      ({ workflow, surroundings } = loaded as { workflow: Workflow; surroundings: NonNullable<typeof surroundings> });
    } else surroundings = await loadSurroundings(args, terminal);
    if (!surroundings) return EXIT.usage;
    const engine = await engineFor({ args, terminal, surroundings, cache: workflow?.cache ?? '.stepaside/' });
    try {
      return await act({ args, terminal, engine, ...(workflow && { workflow }) });
    } finally {
      await engine.close();
    }
  };
}
