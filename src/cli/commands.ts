import type { CommandSpec } from './command.js';
import { OPTIONS } from './options.js';

const CONTROL = [OPTIONS.force, OPTIONS.readOnly, OPTIONS.writeOnly, OPTIONS.noCache];
const WORKFLOW = [OPTIONS.file, OPTIONS.param, OPTIONS.cache, OPTIONS.endpoint];

/** Every command there is, in the order of help. */
export const COMMANDS: readonly CommandSpec[] = [
  {
    name: 'run',
    summary: 'Run a workflow: what is done already steps aside.',
    usage: 'run [STEP...] [-f FILE]',
    examples: [
      ['stepaside run', 'every step of stepaside.yaml'],
      ['stepaside run train', 'one step and what it needs'],
      ['stepaside run train --force', 'train again, whatever is there; not its needs'],
    ],
    options: [
      ...WORKFLOW,
      ...CONTROL,
      OPTIONS.forceDownstream,
      OPTIONS.only,
      OPTIONS.materialize,
      OPTIONS.wait,
      { name: 'jobs', short: 'j', value: 'N', what: 'commands at once (else one for each processor)' },
      { name: 'keep-going', short: 'k', what: 'after a failure, go on with what does not depend on it' },
    ],
    notes:
      'Logs are kept in .stepaside/logs. With --json the events of the run, one a line. Ctrl-C ends the steps, twice kills them.',
    load: async () => (await import('./run.js')).run,
  },
  {
    name: 'plan',
    summary: 'Say what would run, be avoided or wait, and why. Writes nothing.',
    usage: 'plan [STEP...] [-f FILE] [--exit-code]',
    examples: [
      ['stepaside plan', 'every step'],
      ['stepaside plan --exit-code', 'ends with 10 if there is work to do'],
      ['stepaside plan train --json', 'for programs'],
    ],
    options: [
      ...WORKFLOW,
      ...CONTROL,
      OPTIONS.only,
      OPTIONS.materialize,
      { name: 'exit-code', what: 'end with 10 if there is work to do, 3 if something is refused' },
    ],
    load: async () => (await import('./plan.js')).plan,
  },
  {
    name: 'why',
    summary: 'Explain what would become of a step: evidence, nearest record, what differs.',
    usage: 'why STEP... [-f FILE]',
    examples: [
      ['stepaside why train', 'why does it run?'],
      ["stepaside why 'report[2024-01-01]' -v", 'one item, with more evidence'],
    ],
    options: [...WORKFLOW, ...CONTROL],
    load: async () => (await import('./why.js')).why,
  },
  {
    name: 'check',
    summary: 'Say whether something is there, and by what evidence.',
    usage:
      'check LOCATION... [--marker NAME] [--content TEXT | --key KEY] [--glob PATTERN --min N]\n       check -f FILE [STEP...]',
    examples: [
      ['stepaside check s3://lake/clean/dt=2024-01-01/_SUCCESS', 'is that object there?'],
      ['stepaside check s3://lake/clean/dt=2024-01-01/ --marker _SUCCESS', 'is the tree complete by its marker?'],
      ['stepaside check /mnt/out/done --key "$KEY"', 'does the file hold this key?'],
      ["stepaside check s3://lake/raw/ --glob 'dt=2024-01-*/*.parquet' --min 31", 'are there at least so many?'],
      ['stepaside check -f stepaside.yaml clean', "what of the step's outputs and conditions?"],
    ],
    options: [
      { name: 'marker', value: 'NAME', what: 'the marker: a name in the tree LOCATION, or a full URI' },
      {
        name: 'content',
        value: 'TEXT',
        what: 'what the marker (without --marker: LOCATION itself) must hold; "" = must be empty',
      },
      { name: 'key', value: 'KEY', what: 'the same, for a key' },
      { name: 'glob', value: 'PATTERN', what: 'names to count, relative to the tree LOCATION' },
      { name: 'min', value: 'N', what: 'how many names --glob must match' },
      { name: 'min-bytes', value: 'N', what: 'how many bytes they must have together' },
      OPTIONS.file,
      OPTIONS.param,
      OPTIONS.endpoint,
    ],
    notes: `Exit codes: 0 all are present; 10 at least one is surely not (absent, partial, outdated, archived);
3 nobody can tell (unknown, unverified). Mind that \`check X || job\` runs the job also when check cannot tell:
write \`check X; [ $? -eq 10 ] && job\` to run it only on a sure absence.`,
    load: async () => (await import('./check.js')).check,
  },
  {
    name: 'doctor',
    summary: 'Say what each store is, what we may do there, and what to mend.',
    usage: 'doctor [LOCATION...] [--probe] [-f FILE]',
    examples: [
      ['stepaside doctor s3://lake/', 'rights, region, clock'],
      ['stepaside doctor --probe s3://lake/_stepaside/', 'also race conditional writes below that prefix'],
      ['stepaside doctor /mnt/training/', 'file system, hard links, free space'],
    ],
    options: [
      {
        name: 'probe',
        what: 'also write and remove small objects below each LOCATION (give a cache prefix, not your data)',
      },
      OPTIONS.file,
      OPTIONS.endpoint,
    ],
    notes: 'Without LOCATION the stores of stepaside.config.yaml are examined. Without --probe nothing is written.',
    load: async () => (await import('./doctor.js')).doctor,
  },
  {
    name: 'key',
    summary: "Show a step's key and what it is made of.",
    usage: 'key [STEP...] [-f FILE]',
    examples: [
      ['stepaside key', 'every step of stepaside.yaml'],
      ['stepaside key train --json', 'one step, with all components'],
      ["stepaside key 'report[2024-01-01]'", 'one item of a forEach'],
    ],
    options: [OPTIONS.file, OPTIONS.param, OPTIONS.endpoint],
    notes:
      'FILE is stepaside.yaml where nothing else is said. A step that reads what another step makes is pending: its key\nis computed after that step ended.',
    load: async () => (await import('./key.js')).key,
  },
  {
    name: 'validate',
    summary: 'Check a workflow file (and the config beside it) and report every mistake with its place.',
    usage: 'validate [FILE...]',
    examples: [
      ['stepaside validate', 'stepaside.yaml'],
      ['stepaside validate flows/*.yaml', 'several'],
    ],
    options: [OPTIONS.param],
    load: async () => (await import('./validate.js')).validate,
  },
  {
    name: 'completion',
    summary: 'Print a completion script for your shell.',
    usage: 'completion bash|zsh|fish',
    examples: [
      ['source <(stepaside completion bash)', 'in ~/.bashrc'],
      ['stepaside completion zsh > "${fpath[1]}/_stepaside"', 'zsh'],
      ['stepaside completion fish | source', 'fish'],
    ],
    options: [],
    load: async () => (await import('./completion.js')).completion,
  },
];
