// From samples to ratios, goals and a table.

/** LIMITS.md, P1 to P6 and P19: at most `limit` times `against`. */
const OPERATIONS = {
  P1: {
    what: (steps) => `no-op of ${steps} local steps, parts level`,
    goals: [
      { against: 'make', limit: 0.35 },
      { against: 'turbo', limit: 0.35 },
      { against: 'Luigi', limit: 0.2 },
      { against: 'DVC', limit: 0.01 },
    ],
  },
  P2: {
    what: () => 'the same, inputs hashed again',
    own: 'stepaside --rehash',
    among: 'P1',
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
    what: (steps) => `existence of ${2 * steps} keys under shared prefixes`,
    goals: [
      { against: 'rclone lsf', limit: 0.75 },
      { against: 's5cmd ls', limit: 1.3 },
      { against: 'SDK HEADs', limit: 0.05 },
    ],
    requests: (steps) => Math.ceil((2 * steps) / 1000) + 2,
  },
  P6: {
    what: (steps) => `existence of ${Math.ceil(steps / 2)} keys strewn among 40 times as many`,
    goals: [{ against: 'SDK HEADs', limit: 0.5 }],
  },
  P19: {
    what: (steps) => `plan of ${100 * steps} steps, none of them done; a tenth of them beside it`,
    goals: [{ against: 'a tenth of the steps', limit: 12 }],
  },
};

export const NOTES = [
  'P1, P2 and P3: the second run of ours leaves a hint, and from then on nothing is loaded but the file system.',
  'make is make with its built-in rules, as a user starts it; make -rR and ninja beat any fresh process of Node.',
  'nx starts no daemon where CI is set, and then puts outputs back from its cache each time; Luigi schedules for itself.',
  'P4 to P6: a versitygw of our own on this machine. Keys are empty markers, so a listing says all that is asked.',
  'P6 at 0.5x is twice the rate of the SDK; both with the start of their process.',
  'turbo is its native program, without the script of Node that npm puts before it. wireit is started without npm run.',
];

export function median(samples) {
  const sorted = [...samples].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** A peer that is not there proves nothing: its goal is unmet. */
export function operationsOf({ steps, p1, p3, p4, p5, p6, p19, requests, memory }) {
  const all = { P1: p1, P3: p3, P4: p4, P5: p5, P6: p6, P19: p19 };
  const measured = Object.fromEntries(Object.entries(all).map(([id, sides]) => [id, sides.map(shown)]));
  return Object.entries(OPERATIONS).map(
    ([id, { what, goals, own: name = 'stepaside', among = id, requests: most }]) => {
      // What the goals of P2 do not name is shown under P1.
      const contestants = measured[among].filter((one) =>
        id === 'P2'
          ? one.name === name || goals.some(({ against }) => against === one.name)
          : one.name !== 'stepaside --rehash',
      );
      const own = contestants.find((one) => one.name === name);
      const ratioTo = (peer) => (own.shown && peer?.shown ? own.medianMs / peer.medianMs : null);
      return {
        id,
        what: what(steps),
        contestants: contestants.map((one) => ({ ...one, ourRatio: one === own ? null : ratioTo(one) })),
        goals: [
          ...goals.map(({ against, limit }) => {
            const ratio = ratioTo(contestants.find(({ name }) => name === against));
            return { against, limit, ratio, met: ratio !== null && ratio <= limit };
          }),
          ...(most ? [requestsGoal(most(steps), requests)] : []),
          ...(id === 'P19' ? [memory] : []),
        ],
      };
    },
  );
}

/** Goals that are no ratio. */
const COUNTED = ['requests', 'MiB at most'];

/** How many requests our own took. */
function requestsGoal(limit, requests) {
  return { against: 'requests', limit, ratio: requests ?? null, met: requests !== undefined && requests <= limit };
}

function shown({ name, missing, version, command, samplesMs, proven }) {
  if (missing) return { name, shown: false, why: missing };
  return { name, shown: true, version, command: command.slice(0, 20), proven, samplesMs, medianMs: median(samplesMs) };
}

export function table(result) {
  const { machine, operations, met, unmet } = result;
  const rows = [['', 'contestant', 'version', 'median ms', 'min..max ms', 'we / it', 'goal', '']];
  for (const { id, contestants, goals } of operations) {
    for (const one of contestants) {
      const goal = goals.find(({ against }) => against === one.name);
      rows.push([
        id,
        one.name,
        ...(one.shown
          ? [
              one.version,
              fixed(one.medianMs, 1),
              range(one.samplesMs),
              one.ourRatio === null ? '' : times(one.ourRatio),
            ]
          : ['', 'NOT SHOWN', '', '']),
        goal ? `<= ${goal.limit}x` : '',
        goal ? (goal.met ? 'met' : 'UNMET') : '',
      ]);
    }
  }
  for (const { id, goals } of operations) {
    for (const { against, ratio, limit, met: good } of goals.filter(({ against }) => COUNTED.includes(against))) {
      const count = ratio === null ? 'NOT SHOWN' : String(ratio);
      rows.push([id, `${against} of stepaside`, '', count, '', '', `<= ${limit}`, good ? 'met' : 'UNMET']);
    }
  }
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const right = new Set([3, 4, 5]);
  const lines = rows.map((row) =>
    row
      .map((cell, column) => (right.has(column) ? cell.padStart(widths[column]) : cell.padEnd(widths[column])))
      .join('  ')
      .trimEnd(),
  );
  const absent = new Map(
    operations.flatMap(({ contestants }) => contestants.filter((c) => !c.shown).map((c) => [c.name, c.why])),
  );
  return [
    `${machine.cpu}, ${machine.cores} cores, ${machine.os} ${machine.kernel}, Node ${machine.node}, ${machine.fs.type} (${machine.fs.folder})`,
    `${result.steps} steps, ${result.samples.P1} samples each (P3, P4: ${result.samples.P3}), interleaved; every sample proven a no-op`,
    '',
    ...operations.map(({ id, what }) => `${id}  ${what}`),
    '',
    ...lines,
    '',
    ...[...absent].map(([name, why]) => `NOT SHOWN  ${name}: ${why}`),
    ...result.notes.map((note) => `- ${note}`),
    '',
    `${met} of ${met + unmet} goals met`,
  ].join('\n');
}

const fixed = (value, digits) => value.toFixed(digits);
const times = (ratio) => `${ratio >= 10 ? fixed(ratio, 1) : fixed(ratio, 2)}x`;
const range = (samples) => `${fixed(Math.min(...samples), 1)}..${fixed(Math.max(...samples), 1)}`;
