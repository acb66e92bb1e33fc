import type { Digest } from './brand.js';
import type { Component } from './key.js';
import { KEY_FORMAT } from './key.js';
import { paramValues, references, type StepInstance } from './resolve.js';
import type { Output, Workflow } from './step.js';

/** What was found where the inputs are, by the names that enter the key. */
export interface InputsSeen {
  /** Path relative to the workflow's folder -> contents. */
  readonly files: ReadonlyMap<string, Digest>;
  /** Location as written -> content identity. */
  readonly paths: ReadonlyMap<string, Digest>;
  /** `step.output` -> content identity of what was consumed. */
  readonly upstream: ReadonlyMap<string, Digest>;
  /** What the image's tag stands for now, where that is known. */
  readonly image?: string | undefined;
}

/** Turns a secret into something that can be written down; undefined if there is nothing to hide it with. */
export type HideSecret = (name: string, value: string) => string | undefined;

export type Composed =
  | { readonly ok: true; readonly components: readonly Component[] }
  /** A secret that cannot be hidden: without it the key would be wrong, with it the secret would be told. */
  | { readonly ok: false; readonly secret: string };

/** A step instance's named components, in SEMANTICS' words. Texts enter as written: values have components of their own. */
export function composeKey(workflow: Workflow, instance: StepInstance, seen: InputsSeen, hide: HideSecret): Composed {
  const { step, item, resolved } = instance;
  const components: Component[] = [
    { group: 'format', value: KEY_FORMAT },
    { group: 'scope', value: step.memoize.scope ?? `${workflow.name}/${step.name}` },
    ...(step.memoize.seed === undefined ? [] : [{ group: 'seed' as const, value: step.memoize.seed }]),
    ...Object.entries(item).map(([name, value]) => ({ group: 'each' as const, name, value })),
  ];
  // The author's own key stands for everything else.
  if (resolved.key !== undefined)
    return { ok: true, components: [...components, { group: 'key', value: resolved.key }] };

  if (step.run !== undefined) components.push({ group: 'command', value: step.run });
  if (step.script)
    components.push({ group: 'script', value: { interpreter: step.script.interpreter, source: step.script.source } });
  if (step.image !== undefined) {
    const value = seen.image === undefined ? step.image : { tag: step.image, digest: seen.image };
    components.push({ group: 'image', value });
  }
  if (step.outputs.length > 0) components.push({ group: 'paths', value: step.outputs.map(placeOf) });
  for (const [name, value] of Object.entries(step.env)) components.push({ group: 'env', name, value });
  for (const [name, value] of Object.entries(resolved.inputs.values)) components.push({ group: 'values', name, value });
  for (const [name, value] of seen.files) components.push({ group: 'files', name, value });
  for (const [name, value] of seen.paths) components.push({ group: 'paths', name, value });
  for (const [name, value] of seen.upstream) components.push({ group: 'upstream', name, value });

  const values = paramValues(workflow);
  for (const name of chosenParams(instance)) {
    const value = values[name];
    if (value === undefined) continue;
    if (!workflow.params[name]?.secret) components.push({ group: 'params', name, value });
    else {
      const hidden = hide(name, String(value));
      if (hidden === undefined) return { ok: false, secret: name };
      components.push({ group: 'params', name, value: { secret: hidden } });
    }
  }
  return { ok: true, components };
}

function placeOf(output: Output): { readonly [field: string]: string | readonly string[] } {
  return output.probe === undefined
    ? { name: output.name, path: output.path ?? '' }
    : { name: output.name, probe: output.probe };
}

function chosenParams({ step }: StepInstance): readonly string[] {
  const choice = step.inputs.params;
  if (choice && !('except' in choice)) return choice;
  const referenced = [...new Set(Object.values(references(step)).flat())].sort();
  return choice ? referenced.filter((name) => !choice.except.includes(name)) : referenced;
}
