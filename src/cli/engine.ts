import { availableParallelism } from 'node:os';
import { parseDuration } from '../core/duration.js';
import type { StepInstance } from '../core/resolve.js';
import type { Workflow } from '../core/step.js';
import type { Asked } from '../engine/engine.js';
import type { Events } from '../engine/events.js';
import { executor } from '../engine/execute.js';
import type { Selection } from '../engine/graph.js';
import { type OpenEngine, openEngine } from '../open-engine.js';
import { type Args, UsageError } from './command.js';
import { type Loaded, selectInstances } from './load.js';
import type { Terminal } from './terminal.js';

export interface EngineOptions {
  readonly args: Args;
  readonly terminal: Terminal;
  readonly surroundings: Loaded['surroundings'];
  readonly cache: string;
  readonly events?: Events;
  /** Absent: commands have the terminal. */
  readonly logs?: string;
  readonly kill?: AbortSignal;
  readonly onLine?: (step: string, line: string) => void;
}

export function engineFor({
  args,
  terminal,
  surroundings,
  cache,
  events = () => undefined,
  logs,
  kill,
  onLine,
}: EngineOptions): Promise<OpenEngine> {
  const { env } = terminal;
  return openEngine({
    cache: args.one('cache') ?? (env['STEPASIDE_CACHE'] || cache),
    surroundings,
    secret: env['STEPASIDE_SECRET'],
    execute: executor({ env, logs, kill, onLine }),
    events,
    ttlMs: millis(env, 'STEPASIDE_TTL_MS'),
    heartbeatMs: millis(env, 'STEPASIDE_HEARTBEAT_MS'),
    rehash: args.on('rehash'),
  });
}

/** For tests and for stores with caches of their own; nobody needs them daily. */
function millis(env: Terminal['env'], name: string): number | undefined {
  const text = env[name];
  if (text === undefined || text === '') return undefined;
  if (!/^[1-9][0-9]{0,8}$/.test(text)) throw new UsageError(`${name}=${text}: a number of milliseconds`);
  return Number(text);
}

export function askedOf(args: Args, run: string): Asked {
  const off = args.on('no-cache');
  if (args.on('read-only') && args.on('write-only'))
    throw new UsageError('--read-only and --write-only exclude each other');
  return {
    run,
    force: args.on('force') || args.on('force-downstream'),
    readOff: off || args.on('write-only'),
    writeOff: off || args.on('read-only'),
    waitMs: waitOf(args),
  };
}

function waitOf(args: Args): number | undefined {
  const text = args.one('wait');
  if (text === undefined) return undefined;
  if (text === '0') return 0;
  const parsed = parseDuration(text);
  if (!parsed.ok) throw new UsageError(`--wait ${text}: a duration as in 30s, 10m or 2h; 0 = not at all`);
  return parsed.ms;
}

export function selectionOf(workflow: Workflow, args: Args): Selection {
  const chosen: readonly StepInstance[] = [...selectInstances(workflow, args.words)];
  return { chosen, named: args.words.length > 0, only: args.on('only') };
}

export function concurrencyOf(args: Args): number {
  const text = args.one('jobs');
  if (text === undefined) return availableParallelism();
  if (!/^[1-9][0-9]{0,4}$/.test(text)) throw new UsageError(`--jobs ${text}: a number from 1`);
  return Number(text);
}
