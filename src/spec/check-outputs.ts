/** Outputs and their markers: fields that fit together, and markers that can prove what the policy asks for. */
import { ConfigError } from '../core/error.js';
import { isTree, type Location, locationBelow, parseLocation } from '../core/location.js';
import { mapTexts } from '../core/resolve.js';
import type { Output } from '../core/step.js';
import { isSuccess } from './build-step.js';
import { type Draft, type DraftStep, filePath, isAbsolute, sample } from './draft.js';
import { type IssueCode, type Path, quote } from './issue.js';
import { canonicalPlace, type Ground } from './place-pattern.js';
import { oneOf } from './suggest.js';

export function checkOutputs(draft: Draft): void {
  for (const step of draft.steps) {
    if (draft.issues.overflow) return draft.issues.stop();
    checkStep(step, draft);
    checkConditionMarkers(step, draft);
    const names = new Set<string>();
    for (const [index, output] of step.step.outputs.entries()) {
      const path = [...step.at, 'outputs', index];
      if (names.has(output.name))
        draft.issues.error('config/duplicate-output', path, `there is an output ${quote(output.name)} already`);
      names.add(output.name);
      checkOutput(output, path, step, draft);
    }
  }
}

function checkStep({ step, raw, at }: DraftStep, { issues, policies }: Draft): void {
  const hasRun = 'run' in raw;
  const hasScript = 'script' in raw;
  if (hasRun && hasScript)
    issues.error('config/conflict', [...at, 'script'], 'a step has run or script, not both', { part: 'key' });
  if (!hasRun && !hasScript)
    issues.error('config/no-command', at, 'the step has nothing to run', {
      hint: 'write run: COMMAND, or script: { interpreter, source }',
    });
  const memoize = raw['memoize'];
  if (typeof memoize === 'object' && memoize !== null && 'maxAge' in memoize && 'maxStaleness' in memoize)
    issues.error(
      'config/conflict',
      [...at, 'memoize', 'maxStaleness'],
      'maxStaleness is maxAge on a track of its own',
      {
        part: 'key',
        hint: 'keep one of them',
      },
    );
  if (Object.hasOwn(policies, step.policy)) return;
  const path = 'policy' in raw ? [...at, 'policy'] : ['defaults', 'policy'];
  issues.error('config/unknown-policy', path, `there is no policy ${quote(step.policy)}`, {
    hint: step.policy.includes('{{')
      ? 'a policy is named without placeholders'
      : () => oneOf(step.policy, Object.keys(policies)),
  });
}

/** Fields that speak about a place, so that a probe has no use for them. */
const OF_PLACES = [
  'marker',
  'match',
  'content',
  'markerBy',
  'mode',
  'min',
  'minBytes',
  'atomic',
  'hash',
  'keep',
] as const;

function checkOutput(output: Output, path: Path, step: DraftStep, draft: Draft): void {
  const { issues } = draft;
  const raw = rawOutput(step, path);
  const policy = Object.hasOwn(draft.policies, step.step.policy) ? draft.policies[step.step.policy] : undefined;
  if (policy?.withRecord === 'key' && output.match === undefined)
    issues.error(
      'config/marker-without-key',
      path,
      `the policy ${quote(step.step.policy)} asks for a marker that carries the key, and this output has none`,
      {
        hint: output.probe
          ? 'a probe has no marker; choose another policy'
          : 'add match: stepaside, or marker: NAME and match: key',
      },
    );
  if (output.path !== undefined && output.probe !== undefined)
    return issues.error('config/conflict', [...path, 'probe'], 'an output has a path or a probe, not both', {
      part: 'key',
    });
  if (output.path === undefined && output.probe === undefined)
    return issues.error('config/missing-field', path, 'the output names no place', {
      hint: 'write path: PLACE, or probe: COMMAND',
    });
  if (output.path === undefined) {
    for (const field of OF_PLACES)
      if (field in raw)
        issues.error('config/conflict', [...path, field], `a probe names no place, so ${field} says nothing`, {
          part: 'key',
        });
    return;
  }
  const tree = /\/$/.test(output.path) || /^[a-z0-9]+:\/\/[^/]*$/.test(output.path);
  if (output.min !== undefined && !tree)
    issues.error(
      'config/conflict',
      [...path, 'min'],
      'min counts the objects of a tree, and this path is a single object',
      {
        part: 'key',
        hint: `write ${output.path}/ if it is a tree`,
      },
    );
  checkMarker(output, path, step, draft);
}

function rawOutput(step: DraftStep, path: Path): Readonly<Record<string, unknown>> {
  return (step.raw['outputs'] as Record<string, unknown>[])[Number(path.at(-1))] ?? {};
}

function checkMarker(output: Output, path: Path, step: DraftStep, draft: Draft): void {
  const raw = rawOutput(step, path);
  const { issues } = draft;
  const conflict = (field: string, why: string, hint?: string) =>
    issues.error('config/conflict', [...path, field], why, { part: 'key', hint });
  if (output.match !== undefined && output.content !== undefined)
    conflict('content', 'match says already what the marker holds', 'keep match or content');
  if (output.marker === undefined) {
    for (const field of ['match', 'content', 'markerBy'] as const)
      if (field in raw)
        conflict(field, `${field} says something about a marker, and none is declared`, 'add marker: NAME');
    return;
  }
  if (output.match === 'stepaside' && output.markerBy === 'producer')
    conflict('markerBy', 'only Stepaside writes markers of the kind match: stepaside', 'leave markerBy out');
  if (isSuccess(output.marker) && output.markerBy === 'stepaside')
    conflict(
      'match' in raw ? 'match' : 'markerBy',
      '_SUCCESS is written by the producer, never by us',
      'choose another name, such as _stepaside.json',
    );
  const at = 'marker' in raw ? [...path, 'marker'] : path;
  const wrong = judgeMarker(sample(output.path ?? '', step, draft), sample(output.marker, step, draft), draft);
  if (wrong) issues.error(wrong.code ?? 'config/bad-marker', at, wrong.why, { hint: wrong.hint });
}

interface Wrong {
  readonly why: string;
  readonly hint?: string | undefined;
  readonly code?: IssueCode;
}

/** Conditions ask for markers as well; what could not be asked when it comes to it is said now. */
function checkConditionMarkers(step: DraftStep, draft: Draft): void {
  if (!step.step.when) return;
  let place = '';
  mapTexts(step.step, (text, { group, path }) => {
    if (group !== 'when') return text;
    if (path.at(-1) === 'path') place = text;
    const wrong =
      path.at(-1) === 'marker' ? faultOfName(sample(place, step, draft), sample(text, step, draft)) : undefined;
    if (wrong)
      draft.issues.error(wrong.code ?? 'config/bad-marker', filePath(step, path), wrong.why, { hint: wrong.hint });
    return text;
  });
}

/**
 * A name is below the output's tree. An output that is no tree has no "below": there the marker must be written in full,
 * since `data.csv` + `done` could be `data.csvdone`, `data.csv/done` or a sibling, and a wrong guess would prove nothing.
 */
function faultOfName(place: string, marker: string): Wrong | undefined {
  if (marker.endsWith('/')) return { why: 'a marker is an object, not a tree', hint: 'leave the "/" at the end off' };
  if (marker.split('/').includes('..')) return { why: 'a marker cannot climb out of its tree with ".."' };
  const output = parse(place);
  if (!output) return undefined;
  if (isTree(output)) {
    try {
      locationBelow(output, marker);
      return undefined;
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      return { why: error.message, hint: error.hint, code: error.code as IssueCode };
    }
  }
  if (!isAbsolute(marker))
    return {
      why: 'the path is a single object, so a marker has no tree to be in',
      hint: `write the marker in full, as in ${place}.done with its s3://, pvc:// or "/" at the beginning, or make the output a tree`,
    };
  if (parse(marker)) return undefined;
  return {
    code: 'config/bad-location',
    why: `${quote(marker)} is no place`,
    hint: 'write a name below the tree, or a full URI',
  };
}

function judgeMarker(place: string, marker: string, ground: Ground): Wrong | undefined {
  const wrong = faultOfName(place, marker);
  const output = parse(place);
  if (wrong || !output || !isAbsolute(marker)) return wrong;
  // One spelling for each, since a mount may be written by its path or by its volume.
  const [home, full] = [canonicalPlace(place, ground), canonicalPlace(marker, ground)];
  if (full === home) return { why: 'the marker is the output itself' };
  const tree = isTree(output) ? home : home.slice(0, home.lastIndexOf('/') + 1);
  const folder = full.slice(0, full.lastIndexOf('/') + 1);
  if (tree !== folder && tree.startsWith(folder))
    return {
      why: 'the marker lies above its output, so it proves nothing about it',
      hint: 'give every output a marker of its own, in its tree',
    };
  return undefined;
}

function parse(text: string): Location | undefined {
  try {
    return parseLocation(text);
  } catch (error) {
    if (error instanceof ConfigError) return undefined;
    throw error;
  }
}
