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
      OPTIONS.rehash,
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
    name: 'exec',
    summary: 'Run any command, unless what it makes is there already.',
    usage: 'exec [--output LOCATION]... [--when-missing LOCATION]... [OPTIONS] -- COMMAND [ARGUMENT...]',
    examples: [
      [
        'stepaside exec --output out/model.bin -- python train.py',
        'run it once; again if train.py or the output changed',
      ],
      [
        'stepaside exec --when-missing s3://lake/dt=2024-01-01/_SUCCESS -- spark-submit job.py',
        'run it if that is not there',
      ],
      ["stepaside exec --output out/ --input 'src/**' --mode replace -- make report", 'with more that it reads'],
    ],
    options: [
      {
        name: 'output',
        short: 'o',
        value: 'LOCATION',
        many: true,
        what: 'what it makes: an object, or a tree (ends in /)',
      },
      { name: 'when-missing', value: 'LOCATION', many: true, what: 'run if at least one of these is surely not there' },
      { name: 'input', short: 'i', value: 'F', many: true, what: 'what it reads: a glob of files, or a location' },
      { name: 'no-inputs', what: 'it reads nothing but its words' },
      { name: 'param', short: 'p', value: 'NAME=VALUE', many: true, what: 'a value that enters the key' },
      { name: 'key', value: 'KEY', what: 'your own key in place of all that' },
      { name: 'scope', value: 'S', what: 'share records with other commands of this scope' },
      {
        name: 'marker',
        value: 'M',
        what: 'the marker that proves the outputs complete: a name in the tree, or a full URI',
      },
      { name: 'content', value: 'TEXT', what: 'what the marker must hold' },
      {
        name: 'policy',
        value: 'P',
        what: 'how much evidence is enough: parts (default), exists, key, digest, spark, rerun',
      },
      { name: 'mode', value: 'M', what: 'what to do with parts that are there before: replace or merge' },
      { name: 'retries', value: 'N', what: 'how often to try again' },
      OPTIONS.rehash,
      OPTIONS.wait,
      OPTIONS.cache,
      OPTIONS.endpoint,
      ...CONTROL,
    ],
    notes: `Words of the command, and parts of them behind "=", that name files or folders are read into the key. What a
program imports is not seen: name it, as in --input 'src/**'. -v shows what the key is made of.
Exit codes: the command's own; 125 refused or cannot tell, 126 cannot be started, 127 not found; 2 usage.`,
    load: async () => (await import('./exec.js')).exec,
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
    name: 'ls',
    summary: 'List the records of the cache.',
    usage: 'ls [STEP...]',
    examples: [
      ['stepaside ls', 'all'],
      ['stepaside ls train --cache s3://lake/_stepaside/', 'of one step, elsewhere'],
    ],
    options: WORKFLOW,
    load: async () => (await import('./ls.js')).ls,
  },
  {
    name: 'show',
    summary: 'Show the records of a key: outputs, parts, what the key is made of, who reused them.',
    usage: 'show KEY',
    mostWords: 1,
    examples: [['stepaside show 7b7820d5', 'the first characters of a key do']],
    options: WORKFLOW,
    load: async () => (await import('./show.js')).show,
  },
  {
    name: 'touch',
    summary: 'Adopt what is there already: record it as if the step had just made it.',
    usage: 'touch [STEP...] [--dry-run]',
    examples: [
      ['stepaside touch --dry-run', 'what would be adopted, and what cannot be'],
      ['stepaside touch clean', 'one step'],
    ],
    options: [...WORKFLOW, OPTIONS.wait, { name: 'dry-run', what: 'write nothing' }],
    notes: 'What is partial, or a tree without a marker (or min with minBytes, or atomic: true), is refused.',
    load: async () => (await import('./touch.js')).touch,
  },
  {
    name: 'invalidate',
    summary: 'Make records count no more. Nothing is deleted; --undo takes it back.',
    usage: 'invalidate [KEY...] [--step S] [--older-than D] [--image I] [--producer HOST] [--dry-run] [--undo]',
    examples: [
      ['stepaside invalidate --step train --dry-run', 'what it would be'],
      ['stepaside invalidate --older-than 30d', 'by age'],
      ['stepaside invalidate 7b7820d5 --undo', 'take it back'],
    ],
    options: [
      ...WORKFLOW,
      { name: 'step', value: 'S', what: 'of this step (all its items)' },
      { name: 'older-than', value: 'D', what: 'made longer ago than this: 3d, 72h' },
      { name: 'image', value: 'I', what: 'made with this image' },
      { name: 'producer', value: 'HOST', what: 'made on this host' },
      { name: 'dry-run', what: 'write nothing' },
      { name: 'undo', what: 'make them count again' },
    ],
    load: async () => (await import('./mark-records.js')).invalidate,
  },
  {
    name: 'pin',
    summary: 'Keep records from being cleaned away.',
    usage: 'pin [KEY...] [--step S] [--undo]',
    examples: [
      ['stepaside pin 7b7820d5', 'one key'],
      ['stepaside pin --step train --undo', 'let them go'],
    ],
    options: [
      ...WORKFLOW,
      { name: 'step', value: 'S', what: 'of this step (all its items)' },
      { name: 'dry-run', what: 'write nothing' },
      { name: 'undo', what: 'let them go' },
    ],
    load: async () => (await import('./mark-records.js')).pin,
  },
  {
    name: 'rerun',
    summary: 'Run an earlier run again: the named steps by force, the others as far as they are not done.',
    usage: 'rerun RUN [STEP...]',
    examples: [['stepaside rerun 20240101-120000-a1b2c3 train', 'train again, with the parameters of that run']],
    options: [
      ...WORKFLOW,
      OPTIONS.readOnly,
      OPTIONS.writeOnly,
      OPTIONS.noCache,
      OPTIONS.forceDownstream,
      OPTIONS.wait,
      { name: 'jobs', short: 'j', value: 'N', what: 'commands at once' },
      { name: 'keep-going', short: 'k', what: 'after a failure, go on' },
    ],
    load: async () => (await import('./rerun.js')).rerun,
  },
  {
    name: 'unlock',
    summary: 'Show who holds the leases of steps, and break them.',
    usage: 'unlock [STEP...] [--break]',
    examples: [
      ['stepaside unlock', 'who works on what'],
      ['stepaside unlock train --break', 'take the lease away: its holder can leave no record'],
    ],
    options: [...WORKFLOW, { name: 'break', what: 'take the leases away' }],
    load: async () => (await import('./unlock.js')).unlock,
  },
  {
    name: 'artifact',
    summary: 'Store outputs of any size by their content, and get them back verified.',
    usage:
      'artifact put PATH... [--strict]\n       artifact get DIGEST PATH|LOCATION\n       artifact ls [DIGEST...]\n       artifact du\n       artifact pin DIGEST... [--undo]',
    verbs: ['put', 'get', 'ls', 'du', 'pin'],
    examples: [
      ['stepaside artifact put model/', 'a folder; prints its digest'],
      ['stepaside artifact get 7b7820d5 model/', 'all of it, verified; what is right already stays'],
      ["stepaside artifact get 7b7820d5 out/ --only 'conf/**'", 'a part of it'],
      ['stepaside artifact get 7b7820d5 s3://lake/model/', 'as objects'],
      ['stepaside artifact du', 'what the store holds, and what it saves'],
      ['stepaside artifact pin 7b7820d5', 'kept, whatever records say'],
    ],
    options: [
      OPTIONS.file,
      OPTIONS.param,
      OPTIONS.cache,
      OPTIONS.endpoint,
      { name: 'marker', value: 'NAME', what: 'put: this name is no part of the folder' },
      { name: 'links', what: 'keep symbolic links that stay in the folder; else they are refused' },
      {
        name: 'only',
        value: 'GLOB',
        many: true,
        what: 'get: only these paths; whatever else lies there stays as it is',
      },
      {
        name: 'hard-links',
        what: 'get: files of 1 to 8 MiB become read-only links into the store on the same file system; never write to one',
      },
      {
        name: 'replace',
        what: 'get: what lies there under other names goes; else nothing is touched. Its own names get its bytes in any case',
      },
      { name: 'pin', what: 'put: and pin it, so that gc leaves it alone' },
      { name: 'undo', what: 'pin: let it go' },
      {
        name: 'strict',
        what: 'put: read every file, also one that has the size, times and inode it had at the last put',
      },
    ],
    notes: `- as PATH is stdin (put) or stdout (get, of a file).
What no record names and nobody pinned is removed by gc 30 days after it was put (--older-than of gc).`,
    load: async () => (await import('./artifact.js')).artifact,
  },
  {
    name: 'verify',
    summary: 'Check that artifacts can be restored: their lists, some of their bytes, or all of them.',
    usage: 'verify [--sample SHARE | --full] [--budget SIZE] [--mend]',
    mostWords: 0,
    examples: [
      ['stepaside verify', 'everything that lists name is there'],
      ['stepaside verify --sample 0.01', 'and one object in a hundred has the right bytes'],
      ['stepaside verify --full --budget 100GiB', 'all bytes, so many a call: the next one goes on'],
    ],
    options: [
      OPTIONS.file,
      OPTIONS.param,
      OPTIONS.cache,
      OPTIONS.endpoint,
      { name: 'sample', value: 'SHARE', what: 'read this share of the objects, from 0 to 1' },
      { name: 'full', what: 'read all' },
      { name: 'budget', value: 'SIZE', what: 'end after about so much: 500MiB, 100GiB' },
      { name: 'mend', what: 'store anew what is broken, from where a record says that it still lies' },
      { name: 'after', value: 'KEY', what: 'go on after this object, wherever the last call ended' },
    ],
    notes:
      'Wrong bytes are put aside, never deleted: the next put stores them anew. Ends with 1 if something is wrong.',
    load: async () => (await import('./verify.js')).verify,
  },
  {
    name: 'gc',
    summary:
      'Expire records by the rules of the config; remove artifacts that no record names, and what the dead left.',
    usage: 'gc [--older-than D] [--dry-run]',
    mostWords: 0,
    examples: [
      ['stepaside gc --dry-run', 'what would expire and go, and why'],
      ['stepaside gc --older-than 90d', 'only what was put longer ago'],
    ],
    options: [
      OPTIONS.file,
      OPTIONS.param,
      OPTIONS.cache,
      OPTIONS.endpoint,
      { name: 'older-than', value: 'D', what: 'put longer ago than this (else 30d); longer than your longest run' },
      { name: 'keep', value: 'DIGEST', many: true, what: 'keep this artifact, whatever names it' },
      { name: 'dry-run', what: 'remove nothing' },
    ],
    notes: `Rules: retention: { keepLast: 3, keepFor: 90d, steps: { train: { keepLast: 10 } } } in stepaside.config.yaml; a
record stays as long as one of them, or a pin, speaks for it. Expired ones can be taken back by invalidate --undo, and what
they name is kept, until --older-than is over. A step whose record expired runs again when it is asked for, even where its
output still lies.`,
    load: async () => (await import('./gc.js')).gc,
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
    mostWords: 1,
    examples: [
      ['source <(stepaside completion bash)', 'in ~/.bashrc'],
      ['stepaside completion zsh > "${fpath[1]}/_stepaside"', 'zsh'],
      ['stepaside completion fish | source', 'fish'],
    ],
    options: [],
    load: async () => (await import('./completion.js')).completion,
  },
];
