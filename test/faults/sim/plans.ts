import { POLICIES } from '../../../src/core/policies.js';
import type { Output, Step, Workflow } from '../../../src/core/step.js';
import type { PlaceSpec, Work } from './trace.js';
import type { World } from './world.js';

export const CACHE = 'cache/';

/** How a step's command behaves. */
export interface Behaviour {
  readonly seconds: number;
  readonly failing: number;
  /** Same inputs, same bytes, as many parts; else both are a matter of chance. */
  readonly deterministic: boolean;
  readonly parts: number;
  readonly forgetsMarker: number;
}

export interface Planned {
  readonly workflow: Workflow;
  readonly works: ReadonlyMap<string, Work>;
  readonly behaviour: Behaviour;
}

/** One workflow, or two that want the same places. */
export function plansOf(
  world: World,
  { scheme, logOf }: { readonly scheme: string; readonly logOf: (uri: string) => string },
): readonly Planned[] {
  const behaviour: Behaviour = {
    seconds: world.pick([0.2, 3, 15]),
    failing: world.pick([0, 0, 0.2, 0.5]),
    deterministic: world.chance(0.4),
    parts: 1 + world.below(3),
    forgetsMarker: world.pick([0, 0, 0.3]),
  };
  const retries = world.pick([0, 0, 1]);
  const dag = world.chance(0.2);
  const policy = world.pick(['parts', 'parts', 'parts', 'parts', 'exists', 'key', 'spark'] as const);
  const mode = world.pick(['replace', 'replace', undefined, undefined, 'merge'] as const);
  const keeps = policy === 'parts' && world.chance(0.35);

  const place = (at: string): { output: Output; spec: PlaceSpec } => {
    const isTree = at.endsWith('/');
    const kind = !isTree
      ? 'none'
      : policy === 'key'
        ? world.pick(['ours', 'text'] as const)
        : policy === 'spark'
          ? 'success'
          : world.pick(['none', 'ours', 'success', 'text'] as const);
    const name = kind === 'none' ? undefined : { ours: '_stepaside.json', text: '_KEY', success: '_SUCCESS' }[kind];
    const by = kind === 'success' ? 'producer' : 'stepaside';
    const output: Output = {
      name: at.replaceAll('/', ''),
      path: `${scheme}${at}`,
      keep: keeps ? 'artifact' : 'place',
      markerBy: by,
      atomic: kind === 'none',
      hash: 'auto',
      ...(name && { marker: name }),
      ...(kind === 'ours' && { match: 'stepaside' as const }),
      ...(kind === 'text' && { match: 'key' as const }),
      ...(mode && { mode }),
    };
    const spec: PlaceSpec = {
      at,
      mode,
      marker: name ? { at: `${at}${name}`, by } : undefined,
      log: logOf(`${scheme}${at}`),
      extrasStay: keeps && scheme.startsWith('s3:') && mode !== 'replace',
    };
    return { output, spec };
  };
  const workflowOf = (steps: readonly Step[]): Workflow => ({
    name: 'w',
    file: '/w.yaml',
    folder: '/',
    params: {},
    cache: `${scheme}${CACHE}`,
    stores: {},
    policies: POLICIES,
    steps,
  });
  const attempts = world.pick([1, 3, 3]);
  const stepOf = (
    name: string,
    label: string,
    outputs: readonly Output[],
    more: Partial<Step> & { readonly reads?: readonly string[] } = {},
  ): Step => {
    const { reads = [], ...rest } = more;
    return {
      name,
      needs: [],
      run: ['make', label],
      env: {},
      inputs: { files: [], paths: reads.map((at) => `${scheme}${at}`), values: {} },
      outputs,
      policy,
      memoize: { waitMs: 600_000, attempts },
      memo: false,
      forEach: {},
      retries,
      ...rest,
    };
  };
  const workOf = (step: string, label: string, places: readonly PlaceSpec[], reads: readonly string[]): Work => ({
    step,
    label: `${label} ${places.map(({ at }) => at).join(' ')}`,
    places,
    reads,
    policy,
    attempts,
  });

  const suffix = world.chance(0.8) || policy === 'key' || policy === 'spark' ? '/' : '';
  if (dag) {
    const names = ['a', 'b', 'c'].slice(0, 2 + world.below(2));
    const made = names.map((name) => place(`out/${name}/`));
    const steps = names.map((name, i) =>
      stepOf(name, name, [made[i]!.output], { needs: i === 0 ? [] : [{ step: names[i - 1]!, order: false }] }),
    );
    const works = new Map(
      names.map(
        (name, i) => [name, workOf(name, name, [made[i]!.spec], i === 0 ? [] : [made[i - 1]!.spec.at])] as const,
      ),
    );
    return [{ workflow: workflowOf(steps), works, behaviour }];
  }
  const reads = world.chance(0.35) ? ['in/a/'] : [];
  const [p, q] = [place(`out/p${suffix}`), place('out/q/')];
  const two = world.chance(0.25);
  const planned = (label: string, made: readonly ReturnType<typeof place>[]): Planned => {
    const step = stepOf(
      's',
      label,
      made.map(({ output }) => output),
      { reads },
    );
    const spec = made.map(({ spec }) => spec);
    return { workflow: workflowOf([step]), works: new Map([['s', workOf('s', label, spec, reads)]]), behaviour };
  };
  const first = planned('A', two ? [p, q] : [p]);
  return world.chance(0.4) ? [first, planned('B', world.chance(0.3) ? [q, p] : [p])] : [first];
}
