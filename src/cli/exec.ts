import type { Component } from '../core/key.js';
import { nameOf } from '../core/key.js';
import { isTree, parseLocation } from '../core/location.js';
import { resolveStep } from '../core/resolve.js';
import type { Output, Step, Workflow } from '../core/step.js';
import type { Outcome } from '../engine/events.js';
import { newRun } from '../engine/journal.js';
import { runWorkflow } from '../engine/run.js';
import { lookAround } from '../engine/situation.js';
import { SILENCE } from '../quick/hint.js';
import { leaveHint } from '../quick/leave-hint.js';
import { type Args, type Command, UsageError } from './command.js';
import { askedOf, engineFor } from './engine.js';
import { inputsOfWords, lookedForIn } from './exec-inputs.js';
import { EXIT, type Exit } from './exit.js';
import { follower, outcomeLine } from './follow.js';
import { askingOf, HintNotes } from './hint.js';
import { interruptible } from './interrupt.js';
import { givenParams, loadSurroundings } from './load.js';
import { COLOURED, printable, type Terminal } from './terminal.js';

/** As `env` has them: the command's own codes stay its own. */
const REFUSED = 125;

/** Any command, looked for before it runs: its output is its caller's, we say our words beside it. */
export const exec: Command = async (args, terminal) => {
  const argv = args.words;
  const workflow = await workflowOf(argv, args, terminal);
  const surroundings = await loadSurroundings(args, terminal);
  if (!surroundings) return EXIT.usage;
  const stopping = interruptible();
  const quietHit = !terminal.verbose;
  const told = follower(terminal, { json: args.on('json') });
  const engine = await engineFor({
    args,
    terminal,
    surroundings,
    cache: workflow.cache,
    kill: stopping.kill,
    events: (event) => {
      if (event.type === 'run-ended' && quietHit && !args.on('json')) return;
      told.onEvent(event);
    },
  });
  try {
    const instance = resolveStep(workflow, workflow.steps[0]!);
    const asked = { ...askedOf(args, newRun()), forceDownstream: false, signal: stopping.signal };
    if (terminal.verbose) {
      const { keyed } = await lookAround(engine, { workflow, instance }, asked);
      showKey(keyed.components, terminal);
    }
    const notes = args.on('json') || terminal.verbose ? undefined : new HintNotes(engine);
    const { outcomes } = await runWorkflow(engine, workflow, {
      ...asked,
      ...(notes && { witness: notes.see.bind(notes) }),
      selection: { chosen: [instance], named: true, only: true },
      concurrency: 1,
      keepGoing: false,
      materialize: true,
      silentHits: true,
    });
    const outcome = outcomes.get(instance.name)!;
    if (notes) {
      const { absent, folders } = lookedForIn(argv, workflow);
      for (const folder of folders) notes.search(folder, true);
      const grounds = notes.grounds(workflow.folder, [], absent);
      const said = args.on('quiet') ? SILENCE : { lines: `${outcomeLine(instance.name, outcome, COLOURED)}\n` };
      if (grounds) leaveHint(askingOf(terminal), grounds, said);
    }
    return exitOf(outcome);
  } finally {
    stopping.stop();
    await engine.close();
  }
};

function exitOf(outcome: Outcome): Exit {
  switch (outcome.status) {
    case 'avoided':
    case 'ran':
      return EXIT.good;
    case 'failed':
      return outcome.exitCode as Exit;
    case 'refused':
      return REFUSED as Exit;
    case 'not-begun':
      return EXIT.failed;
    default:
      return outcome satisfies never;
  }
}

function showKey(components: readonly Component[], terminal: Terminal): void {
  terminal.note('its key is made of:');
  for (const component of components)
    terminal.note(`  ${nameOf(component).padEnd(20)} ${printable(JSON.stringify(component.value))}`);
}

async function workflowOf(argv: readonly string[], args: Args, terminal: Terminal): Promise<Workflow> {
  if (argv.length === 0) throw new UsageError('which command?', 'stepaside exec --output out/ -- python train.py');
  const { POLICIES } = await import('../core/policies.js');
  const policy = args.one('policy') ?? 'parts';
  if (!(policy in POLICIES))
    throw new UsageError(`there is no policy ${policy}`, `policies: ${Object.keys(POLICIES).join(', ')}`);
  const outputs = outputsOf(args);
  const missing = args.all('when-missing');
  const folder = terminal.cwd;
  const key = args.one('key');
  const given = args.all('input');
  const found =
    key !== undefined || args.on('no-inputs')
      ? []
      : await inputsOfWords(argv, { folder, outputs: outputs.flatMap(({ path }) => path ?? []) });
  const places = given.filter((name) => name.includes('://'));
  const files = [...found, ...given.filter((name) => !name.includes('://'))];
  const params = givenParams(args);
  if (
    outputs.length > 0 &&
    files.length + places.length === 0 &&
    Object.keys(params).length === 0 &&
    key === undefined &&
    !args.on('no-inputs')
  )
    throw new UsageError(
      "nothing in the command's words is a file: what does it depend on?",
      "name it with --input 'src/**', give --key KEY, or say --no-inputs",
    );
  if (outputs.length === 0 && missing.length === 0 && !args.on('force'))
    throw new UsageError('what would show that it is done?', 'give --output LOCATION, or --when-missing LOCATION');
  const retries = args.one('retries') ?? '0';
  if (!/^[0-9]{1,4}$/.test(retries)) throw new UsageError(`--retries ${retries}: a number from 0`);
  for (const location of missing) parseLocation(location);
  const step: Step = {
    name: 'exec',
    needs: [],
    ...(missing.length > 0 && { when: { pathNotExists: missing.map((path) => ({ path })) } }),
    run: argv,
    env: {},
    inputs: { files, paths: places, values: params },
    outputs,
    policy,
    memoize: {
      ...(key === undefined ? {} : { key }),
      scope: args.one('scope') ?? `exec/${JSON.stringify(argv)}`,
      waitMs: 600_000,
      attempts: 3,
    },
    memo: false,
    forEach: {},
    retries: Number(retries),
  };
  return {
    name: 'exec',
    file: '',
    folder,
    params: {},
    cache: '.stepaside/',
    stores: {},
    policies: POLICIES,
    steps: [step],
  };
}

function outputsOf(args: Args): readonly Output[] {
  const marker = args.one('marker');
  const content = args.one('content');
  const mode = args.one('mode');
  const policy = args.one('policy');
  if (mode !== undefined && mode !== 'replace' && mode !== 'merge')
    throw new UsageError(`--mode ${mode}: replace or merge`);
  const paths = args.all('output');
  if (paths.length === 0)
    for (const name of ['marker', 'content', 'mode'] as const)
      if (args.one(name) !== undefined) throw new UsageError(`--${name} goes with --output`);
  if (content !== undefined && marker === undefined)
    throw new UsageError('--content goes with --marker', 'it is what the marker must hold');
  return paths.map((path, index) => {
    if (marker !== undefined && !isTree(parseLocation(path)) && !marker.includes('://') && !marker.startsWith('/'))
      throw new UsageError(
        `--marker ${marker} is a name in a tree, and ${path} is none`,
        `write ${path}/, or the marker as a full URI`,
      );
    const byProducer = marker === undefined || marker.split('/').at(-1) === '_SUCCESS' || content !== undefined;
    return {
      name: paths.length === 1 ? 'output' : `output-${index + 1}`,
      path,
      keep: 'place',
      ...(marker === undefined ? {} : { marker }),
      ...(content === undefined ? {} : { content }),
      ...(marker !== undefined && !byProducer && policy === 'key' ? { match: 'key' as const } : {}),
      markerBy: byProducer || policy !== 'key' ? 'producer' : 'stepaside',
      ...(mode === undefined ? {} : { mode }),
      atomic: false,
      hash: 'auto',
    };
  });
}
