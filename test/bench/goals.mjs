// What LIMITS.md asks for: P1 to P19. A goal is `limit` times the other's time at most, or `rate` times its rate at least.

const AWS = ['aws s3 cp', 'aws s3 cp, tuned'];
const peak = ({ peakMiB }) => (peakMiB?.length > 0 ? Math.round(Math.max(...peakMiB)) : undefined);

/**
 * `of` is the group that is measured (groups.mjs), `own` whom the ratios are about, `shows` who of the group stands here.
 * Goals: `against` one, or the best of several; `by: 'cpuS'` for CPU seconds; `counted` for what is no ratio.
 */
export const OPERATIONS = {
  P1: {
    what: ({ steps }) => `no-op of ${steps} local steps, parts level`,
    shows: (name) => name !== 'stepaside --rehash',
    goals: [
      { against: 'make', limit: 0.35 },
      { against: 'turbo', limit: 0.35 },
      { against: 'Luigi', limit: 0.2 },
      { against: 'DVC', limit: 0.01 },
    ],
  },
  P2: {
    of: 'P1',
    what: () => 'the same, inputs hashed again',
    own: 'stepaside --rehash',
    shows: (name) => ['stepaside --rehash', 'turbo'].includes(name),
    goals: [{ against: 'turbo', limit: 0.4 }],
  },
  P3: { what: () => 'exec hit of one local step', goals: [{ against: 'node -e 0', limit: 1.3 }] },
  P4: {
    what: () => 'check of one S3 marker',
    goals: [
      { against: 'aws s3api head-object', limit: 0.1 },
      { against: 'stepaside, SDK wire', limit: 0.5 },
      { against: 's5cmd head', limit: 3 },
    ],
  },
  P5: {
    what: ({ steps }) => `existence of ${2 * steps} keys under shared prefixes`,
    goals: [
      { against: 'rclone lsf', limit: 0.75 },
      { against: 's5cmd ls', limit: 1.3 },
      { against: 'SDK HEADs', limit: 0.05 },
      {
        counted: 'requests',
        limit: ({ steps }) => Math.ceil((2 * steps) / 1000) + 2,
        value: ({ requests }) => requests,
      },
    ],
  },
  P6: {
    what: ({ steps }) => `existence of ${Math.ceil(steps / 2)} keys strewn among 40 times as many`,
    goals: [{ against: 'SDK HEADs', limit: 0.5 }],
  },
  P7: {
    what: ({ steps }) => `restore of ${steps} deleted outputs of ${steps} steps`,
    goals: [{ against: 'turbo', limit: 0.8 }],
  },
  P8: {
    what: ({ sizes }) => `ingest of ${bytesText(sizes.file)}: hashed and stored`,
    goals: [
      { against: 'cacache', limit: 0.4 },
      { against: 'borg', limit: 0.3 },
      { against: 'cp', limit: 2 },
      { counted: 'MiB at most', limit: () => 128, value: peak },
    ],
  },
  'P9 content': {
    of: 'P9',
    what: () => 'the same once more, all of it read again',
    own: 'stepaside --strict',
    shows: (name) => !BY_STAMPS.includes(name),
    goals: [{ against: 'borg', limit: 0.25 }],
  },
  'P9 stat': {
    of: 'P9',
    what: () => 'the same once more, stamps believed',
    shows: (name) => BY_STAMPS.includes(name),
    goals: [{ against: 'rsync', limit: 3 }],
  },
  P10: {
    what: ({ sizes }) => `verified restore of ${bytesText(sizes.file)}`,
    goals: [{ against: 'cacache', limit: 0.5 }],
  },
  P11: {
    what: ({ sizes }) => `ingest of ${sizes.tree} files of 16 KiB`,
    goals: [{ against: 'borg', limit: 0.5 }],
  },
  'P12 content': {
    of: 'P12',
    what: () => 'that tree once more, all of it read again',
    own: 'stepaside --strict',
    shows: (name) => !BY_STAMPS.includes(name),
    goals: [{ against: 'borg', limit: 0.5 }],
  },
  'P12 stat': {
    of: 'P12',
    what: () => 'that tree once more, stamps believed',
    shows: (name) => BY_STAMPS.includes(name),
    goals: [{ against: 'rsync', limit: 1 }],
  },
  P13: {
    what: ({ sizes }) => `restore of ${sizes.tree} files of 16 KiB, as copies`,
    goals: [{ against: 'cp -r', limit: 0.7 }],
  },
  'P13 tmpfs': { what: () => 'the same, all of it in memory', goals: [{ against: 'borg', limit: 0.5 }] },
  P14: {
    what: ({ sizes }) => `upload of ${bytesText(sizes.object)} to S3`,
    goals: [
      { against: 's5cmd', rate: 1.5 },
      { against: AWS, named: 'the best aws-cli', rate: 1.6 },
      { against: 'curl', rate: 0.95 },
      { against: 'SDK', by: 'cpuS', limit: 0.5 },
    ],
  },
  P15: {
    what: ({ sizes }) => `download of ${bytesText(sizes.object)}, verified`,
    goals: [
      { against: 's5cmd', rate: 0.9 },
      { against: AWS, named: 'the best aws-cli', rate: 1.5 },
    ],
  },
  P16: {
    what: ({ sizes }) => `upload of ${sizes.objects} files of 16 KiB as a tree artifact`,
    goals: [{ against: 's5cmd', rate: 8 }],
  },
  P17: { what: () => 'download of the same', goals: [{ against: 's5cmd', rate: 5 }] },
  'P18 fixed': {
    of: 'P18',
    what: ({ sizes }) => `chunks and digests of ${bytesText(sizes.memory)} in memory, fixed chunks`,
    shows: (name) => name !== 'stepaside, content-defined',
    goals: [{ against: 'BLAKE3 alone', rate: 0.8 }],
  },
  'P18 content-defined': {
    of: 'P18',
    what: () => 'the same, content-defined chunks',
    own: 'stepaside, content-defined',
    shows: (name) => ['stepaside, content-defined', 'BLAKE3 alone'].includes(name),
    goals: [{ against: 'BLAKE3 alone', rate: 0.25 }],
  },
  P19: {
    what: ({ steps }) => `plan of ${100 * steps} steps, none of them done; a tenth of them beside it`,
    goals: [
      { against: 'a tenth of the steps', limit: 12 },
      // 60 MiB, and 1 KiB for each step.
      { counted: 'MiB at most', limit: ({ steps }) => Math.floor(60 + (100 * steps) / 1024), value: peak },
    ],
  },
};

/** Who takes a file for the one it was, by size, times and inode. borg does in trees, and is the peer of both. */
const BY_STAMPS = ['stepaside', 'rsync', 'restic', 'DVC'];

/** By the numbers that they are about. */
const NOTES = [
  [
    ['P1', 'P3'],
    'P1, P2 and P3: the second run of ours leaves a hint, and from then on nothing is loaded but the file system.',
  ],
  [
    ['P1'],
    'make is make with its built-in rules, as a user starts it; make -rR and ninja beat any fresh process of Node.',
  ],
  [
    ['P1', 'P7'],
    'nx starts no daemon where CI is set, and then puts outputs back from its cache each time; Luigi schedules for itself.',
  ],
  [
    ['P4', 'P5', 'P6'],
    'P4 to P6: a versitygw of our own on this machine. Keys are empty markers, so a listing says all that is asked.',
  ],
  [
    ['P4', 'P5'],
    'bare Node: a script of 40 lines without a library that sends the one request, or both pages at once since it is told where they begin, and checks nothing: what Node and the server take.',
  ],
  [['P6'], 'P6 at 0.5x is twice the rate of the SDK; both with the start of their process.'],
  [
    ['P1', 'P7'],
    'turbo is its native program, without the script of Node that npm puts before it. wireit is started without npm run.',
  ],
  [
    ['P8', 'P9', 'P10', 'P11', 'P12', 'P13'],
    'P8 to P13: random bytes, page cache warm, nothing on its way to the disk. Ours, borg and restic have what they store on the disk when they end; cp, rsync, cacache, desync and DVC leave that to the kernel. desync and DVC cannot do without compressing (zstd) and MD5.',
  ],
  [['P8'], 'cp, synced: cp and then sync -f, which is what the disk takes for whoever leaves nothing to the kernel.'],
  [
    ['P15'],
    'bare Node: ranges of 8 MiB, eight at once, each hashed by the native BLAKE3 and written as it comes, without a retry, a limit or a list: what Node and the server take.',
  ],
  [
    ['P8', 'P11'],
    'P8 and P11: into an empty repository, made before; ours makes its own, and notes the stamps of what it read.',
  ],
  [
    ['P9', 'P12'],
    'P9 and P12: borg as it is, which reads a single file again and believes the stamps of a tree; the one without its cache reads all.',
  ],
  [
    ['P10', 'P13'],
    'P10 and P13: ours, cacache, borg, restic and desync verify what they restore; cp, rsync and DVC do not.',
  ],
  [
    ['P14', 'P15', 'P16', 'P17'],
    'P14 to P17: another versitygw; its data, what is sent and what is fetched lie in memory where there is room for them. Ours stores an artifact (chunks, packs) and brings it back verified; the others send objects. aws-cli and rclone as they are, and tuned; the SDK sends parts of 8 MiB, four at once.',
  ],
  [
    ['P18'],
    'P18: ours is the whole way of the library into a store that forgets, with the digest of all bytes beside those of the chunks: every byte is hashed twice.',
  ],
];

export const notesOf = (numbers) =>
  NOTES.filter(([of]) => of.some((id) => numbers.includes(id))).map(([, text]) => text);

/** `P1,P4` or `P7-P18`: which numbers. All, where nothing is said. */
export function chosen(text) {
  const known = (number) => Object.keys(OPERATIONS).some((id) => numberOf(id) === number);
  if (text === undefined) return () => true;
  const ranges = text.split(',').map((word) => {
    const [, from, to = from] = /^P(\d+)(?:-P?(\d+))?$/i.exec(word.trim()) ?? [];
    if (!(known(Number(from)) && known(Number(to)) && Number(from) <= Number(to)))
      throw new Error(`--only ${word}: it is P1 to P19, as in --only P1,P7-P18`);
    return [Number(from), Number(to)];
  });
  return (id) => ranges.some(([from, to]) => from <= numberOf(id) && numberOf(id) <= to);
}

/** The tables of DESIGN.md, and what each is about. One is written when all of it was measured in one run. */
const TABLES = {
  disk: { looking: 'P1-P6,P19', artifacts: 'P7-P18' },
  memory: { 'artifacts in memory': 'P8-P12' },
};

/** Of those, the ones that what is wanted covers, laid out on a disk or in memory. */
export function tablesWithin(wanted, where = 'disk') {
  const ids = Object.keys(OPERATIONS);
  return Object.entries(TABLES[where])
    .map(([name, text]) => ({ name, holds: chosen(text) }))
    .filter(({ holds }) => ids.every((id) => !holds(id) || wanted(id)));
}

const numberOf = (id) => Number(/\d+/.exec(id)[0]);

function bytesText(bytes) {
  const [unit, size] = bytes >= 2 ** 30 ? ['GiB', 2 ** 30] : bytes >= 2 ** 20 ? ['MiB', 2 ** 20] : ['KiB', 2 ** 10];
  return `${Number((bytes / size).toFixed(1))} ${unit}`;
}
