import type { S3Facts } from '../rig/s3-server.js';

export interface Opened {
  /** Written before the first command. They may hold the canary: they are their author's. */
  readonly files: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly commands: readonly (readonly string[])[];
}

/** A door by which a secret comes in. */
export interface Carrier {
  readonly name: string;
  /** Characters that quoting, JSON, URLs and patterns treat in their own ways. */
  readonly odd?: string;
  readonly open: (given: { readonly canary: string; readonly server: S3Facts; readonly folder: string }) => Opened;
}

/** Steps get the secret by environment and by word, say it aloud, and end well or not. */
const TALKING = (value: string) => `name: canary
params:
  round: "1"
  token: { secret: true${value} }
steps:
  - name: well
    run: [sh, talk.sh, "{{params.token}}"]
    env: { TOKEN: "{{params.token}}", ROUND: "{{params.round}}" }
    outputs: [{ path: out, atomic: true }]
  - name: script
    script: { interpreter: sh, source: "echo $TOKEN; echo made > made" }
    env: { TOKEN: "{{params.token}}" }
    outputs: [{ path: made, atomic: true }]
  - name: text
    run: echo {{params.token}}; printf %s "$TOKEN"; echo done > text
    env: { TOKEN: "{{params.token}}" }
    outputs: [{ path: text, atomic: true }]
  - name: badly
    run: [sh, -c, 'echo "$TOKEN"; echo "$1" >&2; exit 3', sh, "{{params.token}}"]
    env: { TOKEN: "{{params.token}}" }
    outputs: [{ path: never, atomic: true }]
  - name: missing
    run: [no-such-program, "{{params.token}}"]
    outputs: [{ path: never2, atomic: true }]
  - name: probed
    run: [sh, talk.sh, "{{params.token}}"]
    env: { TOKEN: "{{params.token}}" }
    outputs: [{ probe: [sh, -c, 'echo "$1"; exit 7', sh, "{{params.token}}"] }]
`;
const TALK = 'echo "word $1"; echo "env $TOKEN" >&2; env; echo made > out\n';

/** Stands for the key that the command before it told. */
export const KEY_THERE = '(key)';

/** Everything that tells of steps. `given` are the words that every one of them needs. */
function everything(given: readonly string[] = []): Opened['commands'] {
  const all = ['well', 'script', 'text'];
  return [
    ['validate'],
    ['plan', ...given],
    ['key', ...given, '-v'],
    ['run', ...all, ...given],
    ['run', ...all, ...given, '--json', '--force', '-v'],
    ['run', 'badly', ...given, '-v'],
    ['run', 'badly', ...given, '--json'],
    ['run', 'missing', 'probed', '-k', ...given, '-v'],
    ['plan', ...given, '--json', '-v'],
    ['why', 'well', 'badly', ...given],
    ['why', 'well', ...given, '--json', '-v', '-p', 'round=2'],
    ['check', '-f', 'stepaside.yaml', ...given, '-v'],
    ['check', '-f', 'stepaside.yaml', ...given, '--json'],
    ['key', ...given, '--json'],
    ['ls', '-v'],
    ['ls', '--json'],
    ['show', KEY_THERE, '-v'],
    ['show', KEY_THERE, '--json'],
    ['touch', ...given, '--dry-run'],
    ['invalidate', 'well', ...given, '--dry-run'],
    ['run', 'well', ...given, '--no-cache'],
    ['unlock', 'well', ...given],
    ['doctor', '.'],
    ['plan', ...given, '-p', 'nothing=1'],
  ];
}

const S3_STEPS = `name: canary
steps:
  - name: well
    when: { pathNotExists: ["s3://canary-bucket/there"] }
    run: "env; echo made > out"
    outputs: [{ path: out, atomic: true }]
  - name: far
    run: "true"
    outputs: [{ path: "s3://canary-bucket/tree/", marker: _SUCCESS }]
`;

/** Everything that asks S3, of a bucket that is not there. */
function everythingOnS3(given: readonly string[] = []): Opened['commands'] {
  const asked = 's3://canary-bucket/x/';
  return [
    ['validate'],
    ['check', asked, ...given],
    ['check', asked, ...given, '--json'],
    ['check', asked, ...given, '-v', '--marker', '_SUCCESS'],
    ['doctor', asked, ...given],
    ['doctor', asked, ...given, '--json', '-v'],
    ['doctor', asked, ...given, '--probe'],
    ['plan', ...given],
    ['plan', ...given, '--json', '-v'],
    ['run', ...given],
    ['run', ...given, '--json', '-v', '-k'],
    ['why', 'well', 'far', ...given],
    ['key', ...given],
    ['ls', '--cache', asked, ...given],
    ['exec', ...given, '--when-missing', `${asked}y`, '--', 'true'],
    ['exec', ...given, '--output', 'out2', '--no-inputs', '--json', '--', 'sh', '-c', 'echo x > out2'],
    ['run', 'well', '--cache', asked, ...given],
  ];
}

function config(endpoint: string, more = ''): string {
  return `stores:\n  s3://canary-bucket: { endpoint: ${JSON.stringify(endpoint)}, region: us-east-1${more} }\n`;
}

function hostOf({ endpoint }: S3Facts): string {
  return endpoint.replace(/^https?:\/\//, '');
}

function param(name: string, how: (canary: string) => Opened, odd?: string): Carrier {
  return { name, ...(odd === undefined ? {} : { odd }), open: ({ canary }) => how(canary) };
}

const HIDING = { STEPASIDE_SECRET: 'hide-it-under-this' };

export const CARRIERS: readonly Carrier[] = [
  ...['', 'with "quotes" & $HOME', "it's\\t", 'a%20b+c/d=e', 'two\nlines-of-it-', 'übër ✓ ', '.*[x](y)$&'].map(
    (odd, at) =>
      param(
        `a secret param, given (${at})`,
        (canary) => ({
          files: { 'stepaside.yaml': TALKING(''), 'talk.sh': TALK },
          env: HIDING,
          commands: everything(['-p', `token=${canary}`]),
        }),
        odd,
      ),
  ),
  param('a secret param, and nothing to hide it under', (canary) => ({
    files: { 'stepaside.yaml': TALKING(''), 'talk.sh': TALK },
    commands: everything(['-p', `token=${canary}`]),
  })),
  param('a secret param, by default', (canary) => ({
    files: { 'stepaside.yaml': TALKING(`, default: ${JSON.stringify(canary)}`), 'talk.sh': TALK },
    env: HIDING,
    commands: everything(),
  })),
  param('what secrets are hidden under', (canary) => ({
    files: { 'stepaside.yaml': TALKING(', default: something'), 'talk.sh': TALK },
    env: { STEPASIDE_SECRET: canary },
    commands: everything(),
  })),
  param('the account of S3', (canary) => ({
    files: { 'stepaside.yaml': S3_STEPS },
    env: { AWS_SECRET_ACCESS_KEY: canary, AWS_SESSION_TOKEN: `${canary}T` },
    commands: everythingOnS3(),
  })),
  param('a variable that nobody declared', (canary) => ({
    files: { 'stepaside.yaml': S3_STEPS.replace('env; ', '') },
    env: { MY_TOKEN: canary },
    commands: everythingOnS3(),
  })),
  {
    name: "a profile's account",
    open: ({ canary }) => ({
      files: {
        'stepaside.yaml': S3_STEPS,
        credentials: `[lab]\naws_access_key_id = test\naws_secret_access_key = ${canary}\n`,
      },
      env: {
        AWS_SHARED_CREDENTIALS_FILE: 'credentials',
        AWS_PROFILE: 'lab',
        AWS_ACCESS_KEY_ID: '',
        AWS_SECRET_ACCESS_KEY: '',
      },
      commands: everythingOnS3(),
    }),
  },
  {
    name: "a profile's account that is badly written",
    open: ({ canary }) => ({
      files: {
        'stepaside.yaml': S3_STEPS,
        credentials: `[lab\naws_access_key_id\naws_secret_access_key ${canary}\n= ${canary}\n`,
      },
      env: {
        AWS_SHARED_CREDENTIALS_FILE: 'credentials',
        AWS_PROFILE: 'lab',
        AWS_ACCESS_KEY_ID: '',
        AWS_SECRET_ACCESS_KEY: '',
      },
      commands: everythingOnS3(),
    }),
  },
  ...(['password', 'user', 'signature', 'fragment'] as const).flatMap((part) => {
    const address = (canary: string, server: S3Facts) =>
      part === 'password'
        ? `http://someone:${canary}@${hostOf(server)}`
        : part === 'user'
          ? `http://${canary}@${hostOf(server)}`
          : part === 'signature'
            ? `${server.endpoint}/?X-Amz-Signature=${canary}`
            : `${server.endpoint}/#${canary}`;
    return [
      {
        name: `a ${part} in the config's endpoint`,
        open: ({ canary, server }) => ({
          files: { 'stepaside.yaml': S3_STEPS, 'stepaside.config.yaml': config(address(canary, server)) },
          env: { AWS_ENDPOINT_URL_S3: '' },
          commands: everythingOnS3(),
        }),
      },
      {
        name: `a ${part} in the environment's endpoint`,
        open: ({ canary, server }) => ({
          files: { 'stepaside.yaml': S3_STEPS.replace('env; ', '') },
          env: { AWS_ENDPOINT_URL_S3: address(canary, server), STEPASIDE_ENDPOINT_URL: address(canary, server) },
          commands: everythingOnS3(),
        }),
      },
      {
        name: `a ${part} in --endpoint-url`,
        open: ({ canary, server }) => ({
          files: { 'stepaside.yaml': S3_STEPS },
          commands: everythingOnS3(['--endpoint-url', address(canary, server)]).slice(1),
        }),
      },
      {
        name: `a ${part} in the workflow's endpoint`,
        open: ({ canary, server }) => ({
          files: { 'stepaside.yaml': `${S3_STEPS}${config(address(canary, server))}` },
          env: { AWS_ENDPOINT_URL_S3: '' },
          commands: everythingOnS3(),
        }),
      },
    ] satisfies Carrier[];
  }),
  ...(
    [
      'http://someone:CANARY@host/x',
      's3://someone:CANARY@bucket/x',
      'https://lake.s3.amazonaws.com/x?X-Amz-Signature=CANARY&X-Amz-Date=1',
    ] as const
  ).map(
    (template, at): Carrier => ({
      name: `a location that is none (${at})`,
      open: ({ canary }) => {
        const url = template.replace('CANARY', canary);
        return {
          files: {
            'stepaside.yaml': `name: canary\nsteps:\n  - name: well\n    run: "true"\n    outputs: [{ path: ${JSON.stringify(url)} }]\n`,
          },
          commands: [
            ['validate'],
            ['check', url],
            ['check', url, '--json'],
            ['check', url, '-v', '--marker', '_SUCCESS'],
            ['doctor', url],
            ['plan'],
            ['plan', '--json'],
            ['run'],
            ['exec', '--output', url, '--no-inputs', '--', 'true'],
            ['exec', '--when-missing', url, '--json', '--', 'true'],
            ['ls', '--cache', url],
            ['run', '--cache', url, '--json'],
            ['exec', '--input', url, '--output', 'out', '--', 'true'],
          ],
        };
      },
    }),
  ),
  param('words that are wrong', (canary) => ({
    files: { 'stepaside.yaml': TALKING(''), 'talk.sh': TALK },
    env: HIDING,
    commands: [
      ['run', '-p', `tokne=${canary}`],
      ['run', '-p', `tokne=${canary}`, '--json'],
      ['plan', '-p', `=${canary}`],
      ['plan', '-p', `token=${canary}`, '-p', `token=${canary}`],
      ['run', '-p', `token=${canary}`, 'no-such-step'],
      ['run', '-p', `token=${canary}`, '--wiat', '3'],
      ['run', '-p', `token=${canary}`, '--jobs', 'x', '--json'],
      ['why', 'well', '-p', `token:${canary}`],
    ],
  })),
];
