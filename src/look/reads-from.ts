import { relative, resolve } from 'node:path';
import { compileGlob, type Glob } from '../core/glob.js';
import { formatLocation, parseLocation } from '../core/location.js';
import { paramValues, type StepInstance } from '../core/resolve.js';
import type { Step, Workflow } from '../core/step.js';
import { parseTemplate } from '../core/template.js';

/**
 * Steps whose outputs an instance reads: by `needs`, or because an input lies at, under or around one. What it reads is
 * still to come, so it has no key before those steps ended. Where nobody can tell, it reads: late is better than wrong.
 */
export function readsFrom(workflow: Workflow, { step: own, resolved }: StepInstance): readonly string[] {
  const { needs, inputs } = resolved;
  const { folder } = workflow;
  const index = indexOf(workflow);
  const found = new Set(needs.filter((need) => !need.order && index.producers.has(need.step)).map((need) => need.step));
  for (const path of inputs.paths) for (const { step } of index.around(reachOf(path, folder))) found.add(step);
  for (const file of inputs.files) {
    if (file.startsWith('!')) continue;
    const { around, reads } = filesOf(file, folder);
    for (const place of around) for (const { step, reach } of index.around(place)) if (reads(reach)) found.add(step);
  }
  found.delete(own.name);
  // In the order of the workflow: it is told to people.
  return found.size < 2 ? [...found] : [...found].sort((a, b) => index.producers.get(a)! - index.producers.get(b)!);
}

interface Produced {
  readonly step: string;
  readonly reach: Reach;
}

interface ProducedIndex {
  /** Steps that have outputs -> their number in the workflow. */
  readonly producers: ReadonlyMap<string, number>;
  /** Outputs that are this place, lie in it (as far as the text goes), or hold it. */
  around(place: Reach): readonly Produced[];
}

const indexes = new WeakMap<Workflow, ProducedIndex>();

/** Built once: a workflow of a hundred thousand steps is asked a hundred thousand times. */
function indexOf(workflow: Workflow): ProducedIndex {
  let index = indexes.get(workflow);
  if (!index) {
    index = buildIndex(workflow);
    indexes.set(workflow, index);
  }
  return index;
}

function buildIndex(workflow: Workflow): ProducedIndex {
  const producers = new Map<string, number>();
  const exact = new Map<Reach, Produced[]>();
  for (const [number, step] of workflow.steps.entries()) {
    if (step.outputs.length === 0) continue;
    producers.set(step.name, number);
    for (const reach of outputsOf(workflow, step)) {
      const same = exact.get(reach) ?? [];
      if (same.length === 0) exact.set(reach, same);
      same.push({ step: step.name, reach });
    }
  }
  const sorted = [...exact.keys()].sort();
  return {
    producers,
    around(place) {
      const found: Produced[] = [];
      for (
        let slash = place.indexOf('/');
        slash >= 0 && slash < place.length - 1;
        slash = place.indexOf('/', slash + 1)
      )
        found.push(...(exact.get(place.slice(0, slash + 1)) ?? []));
      for (let at = firstFrom(sorted, place); at < sorted.length && sorted[at]!.startsWith(place); at++) {
        const reach = sorted[at]!;
        if (reach === place || place.endsWith('/')) found.push(...exact.get(reach)!);
      }
      return found;
    },
  };
}

function firstFrom(sorted: readonly string[], wanted: string): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A place in one form: absolute and without `./`, with a slash at its end if it is a tree. */
type Reach = string;

function reachOf(path: string, folder: string): Reach {
  const location = parseLocation(path);
  if (location.kind !== 'file') return formatLocation(location);
  const whole = resolve(folder, location.path);
  return location.path.endsWith('/') && whole !== '/' ? `${whole}/` : whole;
}

function overlap(a: Reach, b: Reach): boolean {
  return a === b || (a.endsWith('/') && b.startsWith(a)) || (b.endsWith('/') && a.startsWith(b));
}

/** Where a pattern, relative to the workflow's folder, may find something, and whether it does at or under an output. */
function filesOf(
  pattern: string,
  folder: string,
): { readonly around: readonly Reach[]; readonly reads: (output: Reach) => boolean } {
  const plain = pattern.replace(/^(\.\/+)+/, '');
  // What climbs out of the folder or is absolute is compared by the folder it begins in.
  if (plain.startsWith('/') || plain.split('/').includes('..')) {
    const known = plain.split(/[*?[\]{}\\]/, 1)[0]!;
    const reach =
      known === plain ? reachOf(known, folder) : reachOf(known.slice(0, known.lastIndexOf('/') + 1) || './', folder);
    return { around: [reach], reads: (output) => overlap(output, reach) };
  }
  const glob = compileGlob(plain);
  const whole = reachOf(plain, folder);
  const around = /[*?[\]{}()!+@|\\]/.test(plain)
    ? // By whole folders: what a pattern's last known segment begins with may go on.
      [reachOf(glob.prefix.slice(0, glob.prefix.lastIndexOf('/') + 1) || './', folder)]
    : // In a folder of a hundred thousand outputs one name is not asked of all the others.
      [whole, whole.endsWith('/') ? whole : `${whole}/`];
  return {
    around,
    reads: (output) => output.startsWith('/') && finds(glob, relative(folder, output), output.endsWith('/')),
  };
}

function finds(glob: Glob, name: string, tree: boolean): boolean {
  if (name === '..' || name.startsWith('../')) return tree && /^(\.\.\/?)+$/.test(name);
  return tree ? glob.reaches(name) : glob.matches(name);
}

/** Where a step's outputs lie, for all its items: as far as it is known before the first `{{each.x}}`. */
function outputsOf(workflow: Workflow, step: Step): readonly Reach[] {
  const values = paramValues(workflow);
  return step.outputs.flatMap(({ path }) => {
    if (path === undefined) return [];
    let known = '';
    for (const piece of parseTemplate(path)) {
      if (typeof piece === 'string') known += piece;
      else if (piece.source === 'params') known += String(values[piece.name] ?? '');
      else return [openReach(known, workflow.folder)];
    }
    return [reachOf(known, workflow.folder)];
  });
}

/** `s3://lake/dt=` -> `s3://lake/`; a bucket that is not known yet may be any. */
function openReach(known: string, folder: string): Reach {
  const scheme = /^([a-z0-9]+):\/\/[^/]*$/i.exec(known);
  if (scheme) return `${scheme[1]}://`;
  return reachOf(known.slice(0, known.lastIndexOf('/') + 1) || './', folder);
}
