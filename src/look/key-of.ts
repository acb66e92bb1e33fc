import { createHmac } from 'node:crypto';
import type { Digest } from '../core/brand.js';
import { composeKey, type InputsSeen } from '../core/components.js';
import type { KeyState } from '../core/decide.js';
import { type Component, workKey } from '../core/key.js';
import type { StepInstance } from '../core/resolve.js';
import type { Workflow } from '../core/step.js';
import { imageDigest } from './images.js';
import { fingerprintFiles, fingerprintPlace, type Reading } from './inputs.js';
import { readsFrom } from './reads-from.js';

export interface Keyed {
  readonly key: KeyState;
  /** What is known already; all of it, once the key is. */
  readonly components: readonly Component[];
}

/** What is known of the steps that ended already. */
export interface Upstream {
  readonly ended: Pick<ReadonlySet<string>, 'has'>;
  /** `step.output` -> content identity, or the word `absent`. */
  readonly identities: ReadonlyMap<string, Digest>;
}

export interface Keying extends Reading {
  readonly upstream?: Upstream | undefined;
  /** STEPASIDE_SECRET. */
  readonly secret?: string | undefined;
}

/** The key of a step instance, as far as it can be known before anything runs. */
export async function keyOf(
  workflow: Workflow,
  instance: StepInstance,
  { secret, upstream, ...reading }: Keying,
): Promise<Keyed> {
  const { hash } = reading;
  const hide = (_name: string, value: string) =>
    secret ? `hmac-sha256-${createHmac('sha256', secret).update(value).digest('hex')}` : undefined;
  const compose = (seen: InputsSeen) => composeKey(workflow, instance, seen, hide);
  const { image: tag } = instance.resolved;
  const image = tag === undefined ? undefined : await imageDigest(tag);
  const without = { files: new Map(), paths: new Map(), upstream: new Map(), image };
  const rest = compose(without);
  if (!rest.ok) {
    const why = `the secret param ${rest.secret} enters the key, and STEPASIDE_SECRET, under which it would be hidden, is not set`;
    return { key: { state: 'not-cached', why }, components: [] };
  }
  const { components } = rest;
  if (instance.resolved.key !== undefined)
    return { key: { state: 'known', key: workKey(components, hash) }, components };

  const on = readsFrom(workflow, instance).filter((step) => !upstream?.ended.has(step));
  if (on.length > 0) return { key: { state: 'pending', on }, components };

  const files = await fingerprintFiles(instance.resolved.inputs.files, { folder: workflow.folder, ...reading });
  if (files.seen !== 'there') return { key: trouble(files), components };
  const paths = new Map<string, Awaited<ReturnType<typeof fingerprintPlace>> & { seen: 'there' }>();
  for (const [index, uri] of instance.resolved.inputs.paths.entries()) {
    const found = await fingerprintPlace(uri, reading);
    if (found.seen !== 'there') return { key: trouble(found), components };
    paths.set(instance.step.inputs.paths[index]!, found);
  }
  const seen: InputsSeen = {
    files: files.value,
    paths: new Map([...paths].map(([name, { value }]) => [name, value])),
    upstream: upstream?.identities ?? new Map(),
    image,
  };
  const whole = compose(seen);
  if (!whole.ok) throw new Error('internal: a secret appeared between two compositions');
  return { key: { state: 'known', key: workKey(whole.components, hash) }, components: whole.components };
}

type Trouble =
  | { readonly seen: 'missing'; readonly what: string }
  | { readonly seen: 'doubt'; readonly doubt: { code: string; message: string; hint?: string } };

function trouble(found: Trouble): KeyState {
  return found.seen === 'missing'
    ? { state: 'input-missing', what: found.what }
    : { state: 'unknown', doubt: found.doubt };
}
