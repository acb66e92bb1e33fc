import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { HintNotes } from '../../src/cli/hint.js';
import { instancesOf } from '../../src/core/resolve.js';
import type { Execute } from '../../src/engine/engine.js';
import { newRun } from '../../src/engine/journal.js';
import { planWorkflow } from '../../src/engine/plan.js';
import { runWorkflow } from '../../src/engine/run.js';
import { openEngine } from '../../src/open-engine.js';
import { answer } from '../../src/quick/answer.js';
import { leaveHint } from '../../src/quick/leave-hint.js';
import { loadWorkflow } from '../../src/spec/load.js';
import { randomFrom } from '../conformance/random.js';

/** STEPASIDE_LOOKS=100000 for the long form. */
const CASES = Number(process.env['STEPASIDE_LOOKS'] ?? 250);
const SHM = '/dev/shm';
const ARGV = ['run'];
const ENV = {};
/** Two changes within one tick of the kernel's clock bear one date: the hint's own guard against that takes seconds. */
const TICK_MS = 12;

type Random = () => number;
const below = (random: Random, n: number) => Math.floor(random() * n);
const pick = <T>(random: Random, list: readonly T[]): T => list[below(random, list.length)]!;

/** One to three steps over a few names, so that they meet. */
function workflowText(random: Random): string {
  const steps: string[] = [];
  const count = 1 + below(random, 3);
  for (let i = 0; i < count; i++) {
    const tree = random() < 0.5;
    const out = tree ? `out/t${i}/` : `out/f${i}`;
    const marker = tree ? pick(random, ['', ', marker: _SUCCESS', ', match: stepaside']) : '';
    const inputs = pick(random, ['in/a', 'in/*', 'in/**/*.x', 'in/a, in/b']).split(', ');
    const items = random() < 0.25 ? '\n    forEach: { i: [1, 2] }' : '';
    const path = items === '' ? out : out.replace(`${i}`, `${i}-{{each.i}}`);
    steps.push(
      [
        `  - name: s${i}${items}`,
        `    run: [make, "${tree ? 'tree' : 'file'}${marker.includes('_SUCCESS') ? '-success' : ''}"]`,
        `    inputs: { files: [${inputs.map((name) => `"${name}"`).join(', ')}] }`,
        ...(i > 0 && random() < 0.5 ? [`    needs: [s${i - 1}]`] : []),
        ...(random() < 0.1 ? [`    policy: ${pick(random, ['exists', 'digest', 'spark'])}`] : []),
        ...(random() < 0.1 ? ['    when: { pathExists: [in/a] }'] : []),
        ...(random() < 0.15 ? ['    memoize: { maxAge: 1h }'] : []),
        `    outputs: [{ path: "${path}", mode: replace${marker}${tree ? '' : ', atomic: true'}${random() < 0.15 ? ', keep: artifact' : ''} }]`,
      ].join('\n'),
    );
  }
  return `name: w\nparams: { p: 1 }\nsteps:\n${steps.join('\n')}\n`;
}

/** Does at once what a command would. */
function make(folder: string): Execute {
  return async ({ instance }) => {
    const [, what] = instance.resolved.run as readonly string[];
    for (const { path } of instance.resolved.outputs) {
      const at = join(folder, path!);
      if (what === 'file') {
        mkdirSync(dirname(at), { recursive: true });
        writeFileSync(at, `made by ${instance.name}`);
        continue;
      }
      mkdirSync(join(at, 'deep'), { recursive: true });
      writeFileSync(join(at, 'part-0'), 'part');
      writeFileSync(join(at, 'deep/part-1'), instance.name);
      if (what!.endsWith('success')) writeFileSync(join(at, '_SUCCESS'), '');
    }
    return { exitCode: 0 };
  };
}

function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());
}

/** What people and programs do to a folder between two runs. The last ones change nothing that matters. */
const CHANGES: Readonly<Record<string, (folder: string, random: Random) => void>> = {
  'a byte of an input': (folder, random) => rewrite(pick(random, filesBelow(join(folder, 'in')))),
  'a byte of an output': (folder, random) => rewriteAny(random, join(folder, 'out')),
  'a byte and its date': (folder, random) => rewriteAny(random, join(folder, pick(random, ['in', 'out']))),
  'an input came': (folder, random) => writeFileSync(join(folder, 'in', pick(random, ['new', 'sub/new.x'])), 'new'),
  'a part came': (folder, random) => {
    const trees = readdirSync(join(folder, 'out')).filter((name) => name.startsWith('t'));
    if (trees.length > 0)
      writeFileSync(join(folder, 'out', pick(random, trees), pick(random, ['x', 'deep/x', '_temporary'])), '');
  },
  'something is gone': (folder, random) => {
    const all = filesBelow(join(folder, pick(random, ['in', 'out'])));
    if (all.length > 0) rmSync(pick(random, all));
  },
  'a folder was moved away and back as a copy': (folder, random) => {
    const inner = join(folder, pick(random, ['in', 'out']));
    cpSync(inner, `${inner}-copy`, { recursive: true, preserveTimestamps: true });
    rmSync(inner, { recursive: true });
    renameSync(`${inner}-copy`, inner);
  },
  'the workflow says something else': (folder) => {
    const file = join(folder, 'stepaside.yaml');
    writeFileSync(file, readFileSync(file, 'utf8').replace('[make,', '[make ,').replace('p: 1', 'p: 2'));
  },
  'a config came': (folder) => writeFileSync(join(folder, 'stepaside.config.yaml'), 'limits: { maxAge: 1s }\n'),
  'an epoch passed': (folder) => writeFileSync(join(folder, '.stepaside/v1/epoch'), `${Math.random()}`),
  nothing: () => undefined,
  'something nobody asked about': (folder) => writeFileSync(join(folder, 'README'), ''),
  'rights of a file that nobody reads': (folder) => chmodSync(join(folder, 'other'), 0o600),
};
const HARMLESS = ['nothing', 'something nobody asked about', 'rights of a file that nobody reads'];

/** Same size, so that only dates and inodes tell. */
function rewrite(path: string): void {
  const bytes = readFileSync(path);
  if (bytes.length > 0) bytes[0]! ^= 1;
  writeFileSync(path, bytes.length > 0 ? bytes : 'x');
}
function rewriteAny(random: Random, folder: string): void {
  const all = filesBelow(folder);
  if (all.length > 0) rewrite(pick(random, all));
}

async function oneCase(seed: number, above: string): Promise<{ hinted: boolean; changed: string; quick: boolean }> {
  const random = randomFrom(seed);
  const folder = mkdtempSync(join(above, 'case-'));
  mkdirSync(join(folder, 'in/sub'), { recursive: true });
  for (const [name, text] of [
    ['in/a', 'a'],
    ['in/b', 'b'],
    ['in/sub/c.x', 'c'],
    ['other', ''],
  ] as const)
    writeFileSync(join(folder, name), text);
  writeFileSync(join(folder, 'stepaside.yaml'), workflowText(random));

  const open = async () => {
    const loaded = loadWorkflow({ file: join(folder, 'stepaside.yaml'), params: {} });
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.issues));
    const { workflow, config } = loaded;
    const engine = await openEngine({
      cache: '.stepaside/',
      surroundings: { config, folder },
      execute: make(folder),
      events: () => undefined,
    });
    const selection = {
      chosen: workflow.steps.flatMap((step) => [...instancesOf(workflow, step)]),
      named: false,
      only: false,
    };
    const asked = { run: newRun(), force: false, readOff: false, writeOff: false, selection, materialize: false };
    return { workflow, engine, asked };
  };
  const run = async (witnessed: boolean) => {
    const { workflow, engine, asked } = await open();
    const notes = witnessed ? new HintNotes(engine) : undefined;
    const more = {
      concurrency: 2,
      keepGoing: true,
      forceDownstream: false,
      ...(notes && { witness: notes.see.bind(notes) }),
    };
    const ran = await runWorkflow(engine, workflow, { ...asked, ...more });
    await engine.close();
    const grounds = notes?.grounds(folder, [join(folder, 'stepaside.yaml')]);
    const lines = [...ran.outcomes].map(
      ([step, outcome]) => `${step} ${outcome.status} ${'verdict' in outcome ? outcome.verdict.reason : ''}`,
    );
    // As if all of it were old enough: see TICK_MS.
    const old = grounds && { ...grounds, begun: Date.now() + 60_000 };
    return old !== undefined && leaveHint({ argv: ARGV, cwd: folder, env: ENV }, old, { lines: lines.join('\n') });
  };

  await run(false);
  const hinted = await run(true);
  await pause(TICK_MS);
  const changed = pick(random, Object.keys(CHANGES));
  CHANGES[changed]!(folder, random);

  const before = process.cwd();
  process.chdir(folder);
  let said: ReturnType<typeof answer>;
  try {
    said = answer({ argv: ARGV, cwd: folder, env: ENV, now: Date.now() });
  } finally {
    process.chdir(before);
  }
  if (said) {
    const { workflow, engine, asked } = await open();
    const long = await planWorkflow(engine, workflow, asked, ({ node, verdict }) => {
      const status = verdict.action === 'skip' ? 'avoided' : verdict.action;
      return `${node.instance.name} ${status} ${verdict.reason}`;
    });
    await engine.close();
    expect(said.lines.split('\n').sort(), `seed ${seed}: ${changed}`).toEqual([...long].sort());
  }
  rmSync(folder, { recursive: true });
  return { hinted, changed, quick: said !== undefined };
}

it(
  `the quick answer is the long way's, in ${CASES} random workflows and states`,
  async () => {
    const above = mkdtempSync(join(existsSync(SHM) ? SHM : tmpdir(), 'stepaside-test-'));
    let [hinted, quick, needlessly] = [0, 0, 0];
    try {
      for (let seed = 1; seed <= CASES; seed++) {
        const one = await oneCase(seed, above);
        if (one.hinted) hinted += 1;
        if (one.quick) quick += 1;
        if (one.hinted && !one.quick && HARMLESS.includes(one.changed)) needlessly += 1;
      }
    } finally {
      rmSync(above, { recursive: true, force: true });
    }
    console.log(JSON.stringify({ cases: CASES, hinted, quick, needlessly }));
    // A test in which no hint is left, or none is ever believed, shows nothing.
    expect(hinted).toBeGreaterThan(CASES * 0.3);
    expect(quick).toBeGreaterThan(CASES * 0.1);
    expect(needlessly).toBe(0);
  },
  CASES * 1000 + 60_000,
);
