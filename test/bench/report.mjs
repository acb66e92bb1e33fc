// From samples to ratios, goals and a table.
import { notesOf, OPERATIONS } from './goals.mjs';

export function median(samples) {
  const sorted = [...samples].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** `sides`: by group, who was measured. A peer that is not there proves nothing: its goal is unmet. */
export function operationsOf(sides, { wanted, ...about }) {
  return Object.entries(OPERATIONS)
    .filter(([id, { of = id }]) => wanted(id) && sides[of] !== undefined)
    .map(([id, { what, goals, own: name = 'stepaside', of = id, shows = () => true }]) => {
      const among = sides[of].filter((one) => shows(one.name));
      const contestants = among.map(shown);
      const own = contestants.find((one) => one.name === name);
      const named = (against) => [against].flat().map((other) => contestants.find((one) => one.name === other));
      return {
        id,
        what: what(about),
        contestants: contestants.map((one) => ({ ...one, ourRatio: one === own ? null : ratioOf(own, [one]) })),
        goals: goals.map((goal) =>
          goal.counted
            ? countedGoal(
                goal,
                among.find((one) => one.name === name),
                about,
              )
            : ratioGoal(goal, own, named(goal.against)),
        ),
      };
    });
}

/** How many goals they meet, and what a reader should know of them. */
export function tallyOf(operations) {
  const goals = operations.flatMap((operation) => operation.goals);
  const met = goals.filter((goal) => goal.met).length;
  return { met, unmet: goals.length - met, notes: notesOf(operations.map(({ id }) => id.split(' ')[0])) };
}

function ratioGoal({ against, named: label = against, limit, rate, by }, own, peers) {
  const ratio = ratioOf(own, peers, by);
  if (rate === undefined)
    return { against: label, ...(by && { by }), limit, ratio, met: ratio !== null && ratio <= limit };
  const rates = ratio === null ? null : 1 / ratio;
  return { against: label, rate: true, limit: rate, ratio: rates, met: rates !== null && rates >= rate };
}

function countedGoal({ counted, limit, value }, own, about) {
  const [most, count] = [limit(about), own.missing ? undefined : value(own)];
  return {
    against: counted,
    counted: true,
    limit: most,
    ratio: count ?? null,
    met: count !== undefined && count <= most,
  };
}

/** To the best of them. */
function ratioOf(own, peers, by = 'samplesMs') {
  const medians = peers.flatMap((peer) => (peer?.shown && peer[by]?.length > 0 ? [median(peer[by])] : []));
  return own.shown && own[by]?.length > 0 && medians.length > 0 ? median(own[by]) / Math.min(...medians) : null;
}

function shown({ name, missing, version, command, samplesMs, cpuS = [], peakMiB = [], proven }) {
  if (missing) return { name, shown: false, why: missing };
  const costs = cpuS.length > 0 ? { cpuS, peakMiB } : {};
  const words = command.slice(0, 20);
  return { name, shown: true, version, command: words, proven, samplesMs, medianMs: median(samplesMs), ...costs };
}

export function table(result) {
  const { machine, operations, met, unmet, samples } = result;
  const rows = [
    ['', 'contestant', 'version', 'median ms', 'min..max ms', 'CPU s', 'MiB', 'we / it', 'goal', ''],
    ...operations.flatMap(rowsOf),
    ...operations.flatMap(goalRowsOf),
  ];
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const right = new Set([3, 4, 5, 6, 7]);
  const lines = rows.map((row) =>
    row
      .map((cell, column) => (right.has(column) ? cell.padStart(widths[column]) : cell.padEnd(widths[column])))
      .join('  ')
      .trimEnd(),
  );
  const absent = new Set(
    operations.flatMap(({ contestants }) => contestants.filter((c) => !c.shown).map((c) => `${c.name}: ${c.why}`)),
  );
  const ids = Math.max(...operations.map(({ id }) => id.length));
  return [
    `${machine.cpu}, ${machine.cores} cores, ${machine.os} ${machine.kernel}, Node ${machine.node}, ${machine.fs.type}`,
    `${result.steps} steps, sizes x ${result.scale}, ${samples.P1} samples each (P3, P4: ${samples.P3}), interleaved; every sample proven`,
    '',
    ...operations.map(({ id, what }) => `${id.padEnd(ids)}  ${what}`),
    '',
    ...lines,
    '',
    ...[...absent].map((text) => `NOT SHOWN  ${text}`),
    ...result.notes.map((note) => `- ${note}`),
    '',
    `${met} of ${met + unmet} goals met`,
  ].join('\n');
}

function rowsOf({ id, contestants, goals }) {
  return contestants.map((one) => {
    const goal = goals.find(({ against, by }) => against === one.name && !by);
    const cells = one.shown
      ? [one.version, fixed(one.medianMs, 1), range(one.samplesMs), ...costsOf(one), ratioText(one.ourRatio)]
      : ['', 'NOT SHOWN', '', '', '', ''];
    return [id, one.name, ...cells, ...(goal ? [limitText(goal), verdict(goal)] : ['', ''])];
  });
}

/** Goals that no contestant's row tells of: counts, CPU, the best of several. */
function goalRowsOf({ id, contestants, goals }) {
  return goals
    .filter(({ against, by }) => by || contestants.every(({ name }) => name !== against))
    .map((goal) => {
      const { against, by, counted, ratio } = goal;
      const what = counted ? `${against} of stepaside` : by ? `CPU, beside ${against}` : against;
      const text = ratio === null ? 'NOT SHOWN' : counted ? String(ratio) : '';
      const times = counted || ratio === null ? '' : ratioText(goal.rate ? 1 / ratio : ratio);
      return [id, what, '', text, '', '', '', times, limitText(goal), verdict(goal)];
    });
}

const verdict = ({ met }) => (met ? 'met' : 'UNMET');
const limitText = ({ limit, counted, rate }) => (rate ? `>= ${limit}x rate` : `<= ${limit}${counted ? '' : 'x'}`);
const costsOf = ({ cpuS, peakMiB }) => (cpuS ? [fixed(median(cpuS), 2), fixed(Math.max(...peakMiB), 0)] : ['', '']);
const fixed = (value, digits) => value.toFixed(digits);
const ratioText = (ratio) => (ratio === null ? '' : `${ratio >= 10 ? fixed(ratio, 1) : fixed(ratio, 2)}x`);
const range = (samples) => `${fixed(Math.min(...samples), 1)}..${fixed(Math.max(...samples), 1)}`;
