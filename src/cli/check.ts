import { questions } from '../core/condition.js';
import { isTree, parseLocation } from '../core/location.js';
import type { MarkerWant } from '../core/marker.js';
import type { StepInstance } from '../core/resolve.js';
import type { Sighting, State } from '../core/sighting.js';
import type { Workflow } from '../core/step.js';
import { blake3 } from '../hash.js';
import { askGlob, askOutput, askPath, askPresence } from '../look/ask.js';
import type { GatheredPlaces } from '../look/gather.js';
import type { Places } from '../look/places.js';
import type { Decided } from '../look/planner.js';
import { type OpenPlaces, openPlaces } from '../preset.js';
import { type Args, type Command, UsageError } from './command.js';
import { EXIT, type Exit } from './exit.js';
import { type Loaded, loadSurroundings, loadWork, selectInstances } from './load.js';
import { describeRequests } from './request-lines.js';
import { describeSighting } from './sighting-line.js';
import { printable } from './terminal.js';

/** What was asked, by whom, and what was seen. */
interface Result {
  readonly sighting: Sighting;
  readonly step?: string;
  /** `when`, or the output's name. */
  readonly about?: string;
}

export const check: Command = async (args, terminal) => {
  const byFile = args.one('file') !== undefined || (args.words.length === 0 && !!terminal.env['STEPASIDE_FILE']);
  checkUsage(args, byFile);
  const loaded = byFile ? await loadWork(args, terminal) : undefined;
  if (loaded && !loaded.ok) return EXIT.usage;
  const surroundings = loaded?.surroundings ?? (await loadSurroundings(args, terminal));
  if (!surroundings) return EXIT.usage;
  const opened = openPlaces(surroundings);
  const told: Decided[] = [];
  // One place is asked as it is: to ask it together with others costs the start some milliseconds.
  const together =
    loaded || args.words.length > 1 ? await gathered(opened, (decided) => told.push(decided)) : undefined;
  const places = together ?? opened;
  const list = args.on('json') ? terminal.jsonList('check', 'results') : undefined;
  const states = new Set<State>();
  let lines: string[] = [];
  try {
    for await (const { sighting, ...who } of loaded
      ? checkSteps(loaded, places, args.words)
      : checkLocations(args, places)) {
      states.add(sighting.state);
      if (list) {
        list.item({ ...who, ...sighting });
        await terminal.drained();
      } else {
        show({ sighting, ...who });
        if (lines.length >= AT_ONCE) await flush();
      }
    }
    await flush();
    if (together && terminal.verbose)
      for (const line of describeRequests(told, together.sent())) terminal.note(terminal.paint.dim(printable(line)));
  } finally {
    await opened.close();
  }
  const exitCode = exitFor(states);
  list?.end({ exitCode });
  return exitCode;

  async function flush(): Promise<void> {
    if (lines.length > 0) terminal.data(lines.join('\n'));
    lines = [];
    await terminal.drained();
  }

  function show({ sighting, step, about }: Result): void {
    const who = step === undefined ? '' : `${terminal.paint.bold(printable(step))} ${about}  `;
    for (const line of describeSighting(sighting, terminal)) lines.push(line.startsWith(' ') ? line : who + line);
  }
};

async function gathered(opened: OpenPlaces, tell: (decided: Decided) => void): Promise<GatheredPlaces> {
  const [{ gathering }, { hurry }] = await Promise.all([import('../look/gather.js'), import('./v8-flags.js')]);
  hurry();
  return gathering(opened, { tell });
}

/** Lines written together: each write to a pipe costs as much as a look at a file. */
const AT_ONCE = 200;

function checkUsage(args: Args, byFile: boolean): void {
  const alone = ['marker', 'content', 'key', 'glob', 'min', 'min-bytes'];
  if (byFile) {
    const stray = alone.find((name) => args.one(name) !== undefined);
    if (stray)
      throw new UsageError(
        `--${stray} goes with LOCATION, not with -f`,
        'the workflow file says what completes an output',
      );
    return;
  }
  if (args.all('param').length > 0) throw new UsageError('--param goes with -f');
  if (args.words.length === 0)
    throw new UsageError('which LOCATION?', 'stepaside check s3://bucket/key, or stepaside check -f stepaside.yaml');
  if (args.one('content') !== undefined && args.one('key') !== undefined)
    throw new UsageError('--content and --key exclude each other');
  if (args.one('key') === '') throw new UsageError('--key is empty', 'an empty marker is asked for by --content ""');
  const glob = args.one('glob');
  if (glob === undefined && args.one('min') !== undefined) throw new UsageError('--min goes with --glob');
  if (glob === undefined && args.one('min-bytes') !== undefined) throw new UsageError('--min-bytes goes with --glob');
  if (glob === undefined) return;
  if (args.one('marker') !== undefined || args.one('content') !== undefined || args.one('key') !== undefined) {
    throw new UsageError('--glob counts names; a marker is another question: ask twice');
  }
  if (args.one('min') === undefined)
    throw new UsageError('--glob needs --min N', 'some names may be there and others not yet: say how many must be');
  const flat = args.words.find((word) => !isTree(parseLocation(word)));
  if (flat !== undefined) throw new UsageError(`--glob needs a tree, and ${flat} is none`, `write ${flat}/`);
}

async function* checkLocations(args: Args, places: Places): AsyncGenerator<Result> {
  const [marker, glob, content, key] = ['marker', 'glob', 'content', 'key'].map((name) => args.one(name));
  const [min, minBytes] = [count(args, 'min') ?? 1, count(args, 'min-bytes')];
  const want: MarkerWant | undefined =
    content !== undefined
      ? { match: 'content', content }
      : key !== undefined
        ? { match: 'key', key }
        : marker !== undefined
          ? { match: 'presence' }
          : undefined;
  const locations = args.words.map((path) => ({ path, location: parseLocation(path) }));
  const tree = locations.find(({ location }) => want && marker === undefined && isTree(location));
  if (tree) throw new UsageError(`${tree.path} is a tree: which marker in it?`, 'add --marker NAME');
  const asked = locations.map(({ path, location }) =>
    glob === undefined
      ? askPath(places, path, { ...(marker !== undefined && { marker }), ...(want && { want }) })
      : askGlob(places, location, { pattern: glob, min, ...(minBytes !== undefined && { minBytes }) }),
  );
  for (const sighting of await Promise.all(asked)) yield { sighting };
}

function count(args: Args, name: string): number | undefined {
  const text = args.one(name);
  if (text === undefined) return undefined;
  const n = Number(text);
  if (!/^[0-9]+$/.test(text) || !Number.isSafeInteger(n) || n < 1)
    throw new UsageError(`--${name} ${text}: a whole number from 1 is wanted`);
  return n;
}

/** Steps looked at together: enough for a listing to serve many, few enough to bound memory. */
const TOGETHER = 1000;

async function* checkSteps({ workflow }: Loaded, places: Places, names: readonly string[]): AsyncGenerator<Result> {
  let asked: Promise<readonly Result[]>[] = [];
  for (const instance of selectInstances(workflow, names)) {
    asked.push(checkStep(workflow, instance, places));
    if (asked.length < TOGETHER) continue;
    for (const results of await Promise.all(asked)) yield* results;
    asked = [];
  }
  for (const results of await Promise.all(asked)) yield* results;
}

async function checkStep(workflow: Workflow, instance: StepInstance, places: Places): Promise<readonly Result[]> {
  const { step, resolved, name } = instance;
  const conditions = resolved.when ? questions(resolved.when) : [];
  if (conditions.length === 0 && resolved.outputs.length === 0)
    return [{ step: name, about: 'always', sighting: NOTHING }];
  const policy = workflow.policies[step.policy]!;
  const needsKey = resolved.outputs.some((output) => output.match !== undefined);
  const keying = { places, hash: blake3(), secret: process.env['STEPASIDE_SECRET'] };
  // A place that is asked for by its name has no key, and what finds keys takes a while to load.
  const { key } = needsKey
    ? await (await import('../look/key-of.js')).keyOf(workflow, instance, keying)
    : { key: undefined };
  const known = key?.state === 'known' ? { key: key.key } : {};
  return Promise.all([
    ...conditions.map(async (question) => ({
      step: name,
      about: 'when',
      sighting: await askPresence(places, question),
    })),
    ...resolved.outputs.map(async (output) => ({
      step: name,
      about: output.name,
      sighting: (await askOutput(places, output, { policy, folder: workflow.folder, ...known })).sighting,
    })),
  ]);
}

/** A step that declares neither a condition nor outputs is never done. */
const NOTHING: Sighting = {
  uri: '-',
  state: 'absent',
  why: 'nothing to look at: the step declares neither a condition nor outputs, so it always runs',
};

/** As `pathNotExists` reasons: one sure absence is work to do, whatever else nobody can tell. */
function exitFor(states: ReadonlySet<State>): Exit {
  if (['absent', 'partial', 'outdated', 'archived'].some((state) => states.has(state as State))) return EXIT.work;
  return states.has('unknown') || states.has('unverified') ? EXIT.unsure : EXIT.good;
}
