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
  const byNeed = new Set(needs.filter((need) => !need.order).map((need) => need.step));
  const { folder } = workflow;
  const places = inputs.paths.map((path) => reachOf(path, folder));
  const files = inputs.files.filter((file) => !file.startsWith('!')).map((file) => filesOf(file, folder));
  const reads = (step: Step) =>
    byNeed.has(step.name) ||
    outputsOf(workflow, step).some(
      (output) => places.some((input) => overlap(output, input)) || files.some((input) => input(output)),
    );
  return workflow.steps
    .filter((step) => step.name !== own.name && step.outputs.length > 0 && reads(step))
    .map((step) => step.name);
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

/** Does a pattern, relative to the workflow's folder, find anything at or under an output? */
function filesOf(pattern: string, folder: string): (output: Reach) => boolean {
  const plain = pattern.replace(/^(\.\/+)+/, '');
  // What climbs out of the folder or is absolute is compared by the folder it begins in.
  if (plain.startsWith('/') || plain.split('/').includes('..')) {
    const known = plain.split(/[*?[\]{}\\]/, 1)[0]!;
    const reach =
      known === plain ? reachOf(known, folder) : reachOf(known.slice(0, known.lastIndexOf('/') + 1) || './', folder);
    return (output) => overlap(output, reach);
  }
  const glob = compileGlob(plain);
  return (output) => output.startsWith('/') && finds(glob, relative(folder, output), output.endsWith('/'));
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
