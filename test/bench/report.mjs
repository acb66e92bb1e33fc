// From samples to ratios, goals and a table.

/** LIMITS.md, P1 to P3: at most `limit` times `against`. */
const OPERATIONS = {
  P1: {
    what: (steps) => `no-op of ${steps} local steps, parts level`,
    goals: [
      { against: 'make', limit: 0.35 },
      { against: 'turbo', limit: 0.35 },
    ],
  },
  P2: {
    what: () => 'the same, inputs hashed again',
    sameSamplesAs: 'P1',
    goals: [{ against: 'turbo', limit: 0.4 }],
  },
  P3: { what: () => 'exec hit of one local step', goals: [{ against: 'node -e 0', limit: 1.3 }] },
};

export const NOTES = [
  'P2 is P1: inputs are hashed on every run at present, so one set of samples stands for both. P1 by stat comes later.',
  'P1 has goals against Luigi and DVC too: this bench does not run them, and shows nothing about them.',
  'make is make with its built-in rules, as a user starts it; make -rR and ninja beat any fresh process of Node.',
  'turbo is its native program, without the script of Node that npm puts before it. wireit is started without npm run.',
];

export function median(samples) {
  const sorted = [...samples].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** A peer that is not there proves nothing: its goal is unmet. */
export function operationsOf({ steps, p1, p3 }) {
  const measured = { P1: p1.map(shown), P3: p3.map(shown) };
  return Object.entries(OPERATIONS).map(([id, { what, goals, sameSamplesAs }]) => {
    const contestants = measured[sameSamplesAs ?? id];
    const own = contestants.find(({ name }) => name === 'stepaside');
    const ratioTo = (peer) => (peer?.shown ? own.medianMs / peer.medianMs : null);
    return {
      id,
      what: what(steps),
      ...(sameSamplesAs && { sameSamplesAs }),
      contestants: contestants.map((one) => ({ ...one, ourRatio: one === own ? null : ratioTo(one) })),
      goals: goals.map(({ against, limit }) => {
        const ratio = ratioTo(contestants.find(({ name }) => name === against));
        return { against, limit, ratio, met: ratio !== null && ratio <= limit };
      }),
    };
  });
}

function shown({ name, missing, version, command, samplesMs, proven }) {
  if (missing) return { name, shown: false, why: missing };
  return { name, shown: true, version, command, proven, samplesMs, medianMs: median(samplesMs) };
}

export function table(result) {
  const { machine, operations, met, unmet } = result;
  const rows = [['', 'contestant', 'version', 'median ms', 'min..max ms', 'we / it', 'goal', '']];
  for (const { id, contestants, goals } of operations) {
    for (const one of contestants) {
      const goal = goals.find(({ against }) => against === one.name);
      const label = id === 'P2' && one.name === 'stepaside' ? 'stepaside (as P1)' : one.name;
      // What the goals of P2 do not name was shown under P1.
      if (id === 'P2' && !goal && one.name !== 'stepaside') continue;
      rows.push([
        id,
        label,
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
    `${result.steps} steps, ${result.samples.P1} samples each (P3: ${result.samples.P3}), interleaved; every sample proven a no-op`,
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
