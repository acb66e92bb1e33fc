/** One case of F9, in a process of its own whose heap is bounded: `node --max-old-space-size=MIB case.mjs NAME STEPS`. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EMPTY_CONFIG } from '../../../src/core/config.js';
import { instancesOf } from '../../../src/core/resolve.js';
import type { Workflow } from '../../../src/core/step.js';
import { graphOf, type Node } from '../../../src/engine/graph.js';
import { newRun } from '../../../src/engine/journal.js';
import { planWorkflow } from '../../../src/engine/plan.js';
import { runWorkflow } from '../../../src/engine/run.js';
import { openEngine } from '../../../src/open-engine.js';
import { loadWorkflowValue } from '../../../src/spec/load.js';

type Faults = readonly string[];
type Values = readonly Readonly<Record<string, unknown>>[];

const load = (steps: Values, file = '/flow/wf.yaml') =>
  loadWorkflowValue({ value: { name: 'w', steps }, file, config: EMPTY_CONFIG });
const range = <T>(n: number, of: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => of(i));
const step = (i: number, more: object = {}) => ({ name: `s${i}`, run: ['true'], ...more });

function sound(steps: Values, file?: string): Workflow {
  const loaded = load(steps, file);
  if (!loaded.ok) throw new Error(`refused: ${JSON.stringify(loaded.issues.slice(0, 2))}`);
  return loaded.workflow;
}

function refused(steps: Values, code: string, message: RegExp): Faults {
  const loaded = load(steps);
  if (loaded.ok) return [`accepted, although there is ${code}`];
  const [issue] = loaded.issues;
  return issue!.code === code && message.test(issue!.message) ? [] : [`refused as ${JSON.stringify(issue)}`];
}

const selectionOf = (workflow: Workflow) => ({
  chosen: workflow.steps.flatMap((one) => Array.from(instancesOf(workflow, one))),
  named: false,
  only: false,
});

/** Everybody once, and after all that he waits for. */
function inOrder(nodes: readonly Node[], count: number): Faults {
  const seen = new Set<Node>();
  for (const node of nodes) {
    if (seen.has(node)) return [`${node.instance.name} stands twice`];
    const early = node.after.find((before) => !seen.has(before));
    if (early) return [`${node.instance.name} stands before ${early.instance.name}, which it needs`];
    seen.add(node);
  }
  return seen.size === count ? [] : [`${seen.size} nodes, not ${count}`];
}

function graph(steps: Values, count: number): Faults {
  const workflow = sound(steps);
  return inOrder(graphOf(workflow, selectionOf(workflow)), count);
}

const chain = (n: number) => range(n, (i) => step(i, i === 0 ? {} : { needs: [`s${i - 1}`] }));
/** Each makes what the next one reads. */
const files = (n: number) =>
  range(n, (i) =>
    step(i, { inputs: { files: [i === 0 ? 'in' : `out/${i - 1}`] }, outputs: [{ path: `out/${i}`, atomic: true }] }),
  );

/** A chain done for real: planned, each of it run once, and found done. */
async function work(n: number): Promise<Faults> {
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'stepaside-f9-'));
  try {
    mkdirSync(join(folder, 'out'));
    writeFileSync(join(folder, 'in'), 'x');
    const workflow = sound(files(n), join(folder, 'stepaside.yaml'));
    let ran = 0;
    const engine = await openEngine({
      cache: '.stepaside/',
      surroundings: { config: EMPTY_CONFIG, folder },
      events: () => undefined,
      execute: async ({ instance: { resolved } }) => {
        ran += 1;
        const bytes = readFileSync(join(folder, resolved.inputs.files[0]!));
        writeFileSync(join(folder, resolved.outputs[0]!.path!), `${bytes.length}`);
        return { exitCode: 0 };
      },
    });
    const asked = {
      force: false,
      readOff: false,
      writeOff: false,
      selection: selectionOf(workflow),
      materialize: true,
    };
    const planned = async () => {
      const counts: Record<string, number> = {};
      await planWorkflow(engine, workflow, { ...asked, run: newRun() }, ({ verdict: { action } }) => {
        counts[action] = (counts[action] ?? 0) + 1;
      });
      return JSON.stringify(counts);
    };
    const run = () =>
      runWorkflow(engine, workflow, {
        ...asked,
        run: newRun(),
        concurrency: 8,
        keepGoing: false,
        forceDownstream: false,
      });
    const before = await planned();
    const first = (await run()).summary;
    const again = (await run()).summary;
    const after = await planned();
    await engine.close();
    const faults: string[] = [];
    if (before !== JSON.stringify({ run: 1, ...(n > 1 && { wait: n - 1 }) }))
      faults.push(`planned at first: ${before}`);
    if (ran !== n || first.ran !== n) faults.push(`${ran} ran, ${first.ran} told, not ${n}`);
    if (again.avoided !== n) faults.push(`${again.avoided} avoided, not ${n}`);
    if (after !== JSON.stringify({ skip: n })) faults.push(`planned at last: ${after}`);
    return faults;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const CASES: Readonly<Record<string, (n: number) => Faults | Promise<Faults>>> = {
  /** Two needs each, near and far. */
  dag: (n) =>
    graph(
      range(n, (i) => step(i, { needs: i < 2 ? [] : [`s${i >> 1}`, `s${i - 1}`].slice(0, i === 2 ? 1 : 2) })),
      n,
    ),
  chain: (n) => graph(chain(n), n),
  'chain, the last first': (n) => graph(chain(n).reverse(), n),
  'chain by files': (n) => graph(files(n), n),
  items: (n) => graph([step(0, { forEach: { i: { from: 1, to: n } } })], n),
  'items by items': (n) =>
    graph(
      [
        step(0, { forEach: { i: { from: 1, to: n } } }),
        step(1, { forEach: { i: { from: 1, to: n } }, needs: ['s0[{{each.i}}]'] }),
      ],
      2 * n,
    ),
  'one for all, all for one': (n) =>
    graph([step(0), step(1, { forEach: { i: { from: 1, to: n } }, needs: ['s0'] }), step(2, { needs: ['s1'] })], n + 2),
  work,
  circle: (n) =>
    refused([...chain(n).slice(1), step(0, { needs: [`s${n - 1}`] })], 'config/cycle', / -> .*\(\d+ more\).* -> /),
  'circle by files': (n) => {
    const all = files(n);
    all[0] = step(0, { inputs: { files: [`out/${n - 1}`] }, outputs: [{ path: 'out/0', atomic: true }] });
    const workflow = sound(all);
    try {
      graphOf(workflow, selectionOf(workflow));
    } catch (error) {
      const { code, message } = error as { code?: string; message: string };
      return code === 'config/cycle' && / -> .*\(\d+ more\).* -> /.test(message)
        ? []
        : [`refused as ${code}: ${message}`];
    }
    return ['accepted, although it is a circle'];
  },
  'one name twice': (n) =>
    refused([...range(n, (i) => step(i)), step(n >> 1)], 'config/duplicate-step', /there is a step/),
  'one output twice': (n) =>
    refused(
      range(n, (i) => step(i, { outputs: [{ path: `out/${i === n - 1 ? 0 : i}`, atomic: true }] })),
      'config/overlap',
      /./,
    ),
  'one output twice, of items': (n) =>
    refused(
      [
        step(0, { forEach: { i: { from: 1, to: n } }, outputs: [{ path: 'out/{{each.i}}', atomic: true }] }),
        step(1, { outputs: [{ path: `out/${n}`, atomic: true }] }),
      ],
      'config/overlap',
      /./,
    ),
};

const [name = '', n] = process.argv.slice(2);
const faults = await CASES[name]!(Number(n));
console.log(JSON.stringify({ faults, rssMiB: Math.round(process.resourceUsage().maxRSS / 1024) }));
