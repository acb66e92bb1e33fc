import type { CommandSpec } from './command.js';
import { OPTIONS } from './options.js';

/** Every command there is, in the order of help. */
export const COMMANDS: readonly CommandSpec[] = [
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
