/**
 * The one source for what may stand in a workflow file and in `stepaside.config.yaml`: shape only. What needs more than
 * one value to judge (names that exist, graphs, places) is checked afterwards. Messages are `what\nhint`.
 */
import { z } from 'zod';
import { DURATION, parseDuration } from '../core/duration.js';
import { LEVELS } from '../core/policy.js';
import { isReserved, RESERVED_HINT } from './check-value.js';

/** The message of an unknown field carries the legal names, for "did you mean". */
function fields<T extends z.core.$ZodLooseShape>(shape: T) {
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys' ? `unknown field\n${Object.keys(shape).join(',')}` : undefined,
  });
}

const NAME_TEXT = 'must be letters, digits, "-", "_" or "."';
const name = z
  .string()
  .regex(/^(?!\.{1,2}$)[A-Za-z0-9._-]{1,200}$/, `${NAME_TEXT}, at most 200 of them`)
  .refine((text) => !isReserved(text), {
    error: `cannot be a name\n${RESERVED_HINT}`,
    params: { code: 'config/reserved-name' },
  })
  .describe('Letters, digits, "-", "_" and "."');
/** Names that stand in placeholders: they cannot hold a dot, nor look like an index. */
const variable = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_-]{0,99}$/, 'must begin with a letter, then letters, digits, "-" or "_"');
const envName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be a name that a shell accepts: letters, digits and "_"');
const text = z.string().min(1, 'must not be empty');
const scalar = z.union([z.string(), z.number(), z.boolean()], {
  error: 'must be a text, a number, true or false',
});
const count = (least: number) => z.int().min(least);

const duration = z
  .union(
    [
      z.string().regex(DURATION, {
        error: ({ input }) => {
          const parsed = parseDuration(String(input));
          return parsed.ok ? undefined : `${parsed.why}\n${parsed.hint}`;
        },
      }),
      z.literal(0),
    ],
    { error: 'must be a length of time\nwrite it like 3d, 72h, 1h30m, P3D or PT12H' },
  )
  .describe('A length of time: 3d, 72h, 1h30m, P3D, PT12H, or 0. Months and years are refused.');

// Refinements, so that they are no part of the JSON Schema: what an editor marks is marked well enough by `min`.
const shell = text.refine((line) => line === '' || /\S/.test(line), 'must not be blank');
const argv = z
  .array(z.string())
  .min(1)
  .refine(([program]) => program === undefined || /\S/.test(program), {
    error: 'must name a program first, not a blank',
    path: [0],
  });
const command = z
  .union([shell, argv], { error: 'must be a shell text or a list of arguments' })
  .describe('A shell text, or a list of arguments that no shell sees');

/** Characters: S3 ends at 1,024 bytes, Linux at 4,096. */
export const MAX_PLACE = 4_096;
const place = text
  .max(MAX_PLACE)
  .describe('s3://bucket/key, pvc://claim/path or a path; one that ends in "/" is a tree');
const glob = fields({
  glob: text.describe('A pattern below a tree, such as s3://bucket/table/*.parquet'),
  min: count(1).describe('How many must be there at least'),
  minBytes: count(0).optional().describe('How large all of them must be together at least'),
});
const question = z
  .union(
    [
      place,
      fields({
        path: place,
        marker: text.max(MAX_PLACE).optional().describe('A marker below the tree that must be there'),
        content: z.string().optional().describe('What the marker must hold; one newline at its end is ignored'),
      }),
      glob,
    ],
    { error: 'must be a path, { path, marker } or { glob, min }' },
  )
  .describe('A literal path, { path, marker, content } or { glob, min, minBytes }');

export const CONDITION_FIELDS = ['pathExists', 'pathNotExists', 'all', 'any', 'not'] as const;
/** Made once: a lazy schema that makes a new one at every look never comes to an end when it is turned into JSON Schema. */
let conditions: z.ZodType<ConditionInput> | undefined;
const condition: z.ZodType<ConditionInput> = z
  .lazy(() => {
    conditions ??= z.union(
      [
        fields({ pathExists: z.array(question).min(1).describe('True when all of them are there') }),
        fields({ pathNotExists: z.array(question).min(1).describe('True when at least one is surely absent') }),
        fields({ all: z.array(condition).min(1).describe('True when all are true') }),
        fields({ any: z.array(condition).min(1).describe('True when one is true') }),
        fields({ not: condition.describe('The opposite') }),
      ],
      { error: 'must be a condition\nwrite one of pathExists, pathNotExists, all, any, not' },
    );
    return conditions;
  })
  .meta({ id: 'Condition', description: 'pathExists, pathNotExists, all, any or not' });

export type QuestionInput = z.infer<typeof question>;
export type ConditionInput =
  | { pathExists: QuestionInput[] }
  | { pathNotExists: QuestionInput[] }
  | { all: ConditionInput[] }
  | { any: ConditionInput[] }
  | { not: ConditionInput };

const orRefuse = z.enum(['run', 'refuse']).describe('What to do when nobody can tell whether the work is done');
const outdated = z.enum(['run', 'ignore']).describe('What to do when the marker is older than the newest part');

const output = fields({
  name: name.optional().describe('What records call it; default "output", or "output-1", "output-2", ... by position'),
  path: place.optional(),
  probe: command.optional().describe('In place of a path: a command that exits 0 (there), 10 (not there) or else'),
  keep: z.enum(['place', 'artifact']).optional().describe('artifact: also kept by content, and restored on a hit'),
  marker: text
    .max(MAX_PLACE)
    .optional()
    .describe('An object that proves the output complete: a name below the tree, or a full URI'),
  match: z
    .enum(['key', 'stepaside'])
    .optional()
    .describe('What the marker holds: the key of the work, or our JSON. Nothing said: its presence counts'),
  content: z.string().optional().describe('What the marker must hold; one newline at its end is ignored'),
  markerBy: z
    .enum(['producer', 'stepaside'])
    .optional()
    .describe('Who writes the marker; default producer, with match stepaside (but _SUCCESS is always the producer’s)'),
  mode: z
    .enum(['replace', 'merge'])
    .optional()
    .describe('replace: the place is emptied before a run; merge: parts from before belong to the output'),
  min: count(1).optional().describe('A tree is complete only with so many objects'),
  minBytes: count(0).optional().describe('... and only with so many bytes'),
  atomic: z.boolean().optional().describe('Your word that the output appears all at once'),
  hash: z
    .enum(['auto', 'always', 'never'])
    .optional()
    .describe('Whether outputs on volumes are hashed (auto: to 10 GiB)'),
  outdatedMarker: outdated.optional(),
});

const memoize = fields({
  key: text.optional().describe('Your own key in place of the computed one; placeholders may stand in it'),
  scope: text.optional().describe('Steps with one scope share results; default <workflow>/<step>'),
  maxAge: duration.optional().describe('Older results do not count; 0 = never use one'),
  maxStaleness: duration.optional().describe('Like maxAge, on a track of its own that faster workflows do not disturb'),
  seed: z
    .union([text, z.number()], { error: 'must be a text or a number' })
    .optional()
    .describe('Change it to move the step to other keys'),
  wait: duration.optional().describe('How long to wait for the same work of others; default 10m'),
  attempts: count(1).optional().describe('How many others may fail at it before we give up; default 3'),
});

const range = fields({
  from: z.union([z.string(), z.int()], { error: 'must be a date or a whole number' }).describe('The first item'),
  to: z.union([z.string(), z.int()], { error: 'must be a date or a whole number' }).describe('The last item, included'),
  every: z
    .union([z.int().min(1), duration], { error: 'must be a whole number, or a length of time for dates' })
    .optional()
    .describe('The distance: 1 (integers), 1d or 1h (dates) if nothing is said'),
});

const retries = count(0).describe('How often the command is started again when it fails; default 0');
const timeout = duration.describe('After this time the command is ended; default none');
const policy = text.describe('parts (default), exists, key, digest, spark, rerun, or one of your own');

export const stepSchema = fields({
  name: name.describe('Unique; letters, digits, "-", "_", "."'),
  needs: z
    .array(
      z.union(
        [
          z.string(),
          fields({
            step: z.string().describe('The step'),
            order: z.boolean().optional().describe('true: only the order counts, nothing of it is consumed'),
          }),
        ],
        { error: 'must be the name of a step, or { step, order: true }' },
      ),
    )
    .optional()
    .describe('Steps that come before; their outputs are inputs of this one'),
  when: z
    .union([condition, z.array(condition).min(1)], {
      error: 'must be a condition or a list of conditions\nwrite one of pathExists, pathNotExists, all, any, not',
    })
    .optional()
    .describe('The step runs only if this is true; a list means all'),
  run: command.optional(),
  script: fields({
    interpreter: z
      .union([shell, argv], { error: 'must be a command or a list of arguments' })
      .describe('What reads the source, such as python3'),
    source: text.describe('The program; placeholders are not replaced in it'),
  })
    .optional()
    .describe('In place of run: a program and what interprets it'),
  image: text.optional().describe('A container image, best by digest'),
  env: z.record(envName, scalar).optional().describe('Environment variables; they enter the key as written'),
  inputs: fields({
    params: z
      .union([z.array(z.string()), fields({ except: z.array(z.string()).describe('All that are used but these') })], {
        error: 'must be a list of params, or { except: [...] }',
      })
      .optional()
      .describe('Which params enter the key; default those that the step uses'),
    files: z.array(text).optional().describe('Globs of files that are hashed by content'),
    paths: z.array(place).optional().describe('Places whose content enters the key; literal'),
    values: z.record(z.string(), z.unknown()).optional().describe('Anything else that the result depends on'),
  })
    .optional()
    .describe('What the result depends on besides the command'),
  outputs: z.array(output).optional().describe('Where results land, and what proves them'),
  policy: policy.optional(),
  memoize: memoize.optional().describe('How long and under which key results may be used again'),
  memo: z
    .union([z.boolean(), z.array(z.string())], { error: 'must be true, false or a list of params' })
    .optional()
    .describe('Reuse the execution itself within a run'),
  forEach: z
    .record(
      variable,
      z.union([z.array(scalar).min(1), range], { error: 'must be a list, or a range { from, to, every }' }),
    )
    .optional()
    .describe('One instance per item: {{each.name}}'),
  retries: retries.optional(),
  timeout: timeout.optional(),
  validate: command.optional().describe('A command that must pass before the result is recorded'),
  whenUnknown: orRefuse.optional(),
});

const uri = z
  .string()
  .regex(/^(?:s3|s3a|s3n|pvc):\/\/[A-Za-z0-9][^\s]*$/, 'must be a store\nwrite s3://bucket or pvc://claim');
const store = fields({
  endpoint: z
    .string()
    .regex(/^https?:\/\/[^\s/?#@]+\/?$/, 'must be a URL without path or password\nwrite http://127.0.0.1:9000')
    .optional()
    .describe('The URL of an S3 server'),
  region: text.optional().describe('The region, such as us-east-1'),
  profile: text.optional().describe('A profile of ~/.aws/config'),
  pathStyle: z.boolean().optional().describe('true: the bucket stands in the path, not in the host name'),
  ca: text.optional().describe('A file of certificates that the server’s must chain to'),
  mount: text.optional().describe('pvc:// only: where the volume is mounted on this machine'),
});
const stores = z.record(uri, store).describe('How to reach stores, by URI');

const ownPolicy = fields({
  extends: text.describe('The policy whose other fields hold'),
  describe: text.optional().describe('What it is for'),
  withRecord: z
    .enum([...LEVELS, 'never'])
    .optional()
    .describe('With a record of this key: what must be proven'),
  withoutRecord: z.enum(['exists', 'spark', 'never']).optional().describe('Where no log names the place'),
  otherKey: z.enum(['exists', 'never']).optional().describe('Where another key was the last to commit'),
  outdatedMarker: outdated.optional(),
  whenUnknown: orRefuse.optional(),
});
const policies = z.record(name, ownPolicy).describe('Policies of your own');

export const workflowSchema = fields({
  apiVersion: z.literal('stepaside/v1').optional().describe('The version of this format'),
  kind: z.literal('Workflow').optional().describe('What the file holds'),
  name: name.describe('The name of the workflow; part of the scope of keys'),
  params: z
    .record(
      variable,
      z.union(
        [
          scalar,
          fields({
            default: scalar.optional().describe('The value if none is given'),
            secret: z.boolean().optional().describe('true: never in keys, logs and records in clear'),
          }),
        ],
        { error: 'must be a text, a number, true, false or { default, secret }' },
      ),
    )
    .optional()
    .describe('Values that callers can change: {{params.name}}'),
  cache: place.optional().describe('Where records, leases and artifacts are; default .stepaside/'),
  defaults: fields({
    policy: policy.optional(),
    memoize: memoize.optional().describe('How long and under which key results may be used again'),
    retries: retries.optional(),
    timeout: timeout.optional(),
  })
    .optional()
    .describe('What holds for every step that does not say otherwise'),
  stores: stores.optional(),
  policies: policies.optional(),
  steps: z.array(stepSchema).min(1).describe('The steps, in any order'),
});

const keep = {
  keepLast: count(1).optional().describe('How many records of a step are kept'),
  keepFor: duration.optional().describe('How long records are kept'),
};

export const configSchema = fields({
  stores: stores.optional(),
  workspaces: z
    .record(
      name,
      fields({
        cache: place.describe('Where the records of this workspace are'),
        parent: name.optional().describe('The workspace whose results are read as well'),
      }),
    )
    .optional()
    .describe('Storage prefixes that read their ancestors'),
  limits: fields({
    maxAge: duration.optional().describe('No result older than this is used, whatever a step says'),
    defaultMaxAge: duration.optional().describe('The maxAge of steps that say none'),
  })
    .optional()
    .describe('The administrator’s'),
  retention: fields({
    ...keep,
    steps: z.record(name, fields(keep)).optional().describe('Other rules for single steps'),
  })
    .optional()
    .describe('What gc keeps'),
  trust: fields({
    publicKeys: z.array(text).optional().describe('Files of keys whose signatures are believed'),
    require: z.boolean().optional().describe('true: unsigned records count as missing'),
  })
    .optional()
    .describe('Whose records are believed'),
  policies: policies.optional(),
});

export type WorkflowInput = z.infer<typeof workflowSchema>;
export type StepInput = z.infer<typeof stepSchema>;
export type OutputInput = z.infer<typeof output>;
export type MemoizeInput = z.infer<typeof memoize>;
export type StoreInput = z.infer<typeof store>;
export type OwnPolicyInput = z.infer<typeof ownPolicy>;
export type ConfigInput = z.infer<typeof configSchema>;
