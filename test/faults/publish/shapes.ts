/** What one step of a shape leaves, and which marker proves it. */
export interface Made {
  readonly step: string;
  /** As records name it. */
  readonly output: string;
  /** Below the shape's own folder or prefix; a tree ends in `/`. */
  readonly path: string;
  /** Below a tree. `fresh`: names that no other run gives, as Spark's. An object has one part without a name. */
  readonly parts: readonly string[] | 'fresh';
  readonly marker?: { readonly name: string; readonly holds: 'json' | 'key' | 'nothing' };
}

/** A workflow that is published again and again while something goes wrong. */
export interface Shape {
  readonly name: string;
  readonly steps: readonly string[];
  readonly made: readonly Made[];
  /** Lines of the workflow file, for outputs below `base`. Absent: `exec` with these words. */
  readonly workflow?: (base: string, run: (step: string) => string) => string;
  readonly exec?: (base: string) => readonly string[];
  /** While the fault is there the command itself fails, halfway. */
  readonly fails?: boolean;
  /** The command takes so long that a heart beats meanwhile. */
  readonly slow?: boolean;
}

const P3 = ['p1', 'p2', 'p3'];
const JSON_MARKER = { name: '_stepaside.json', holds: 'json' } as const;
const ROUND = 'env: { ROUND: "{{params.round}}" }';

function file(steps: string): string {
  return `name: publish\nparams: { round: "0" }\nsteps:\n${steps}`;
}

export const SHAPES: readonly Shape[] = [
  {
    name: 'marked',
    steps: ['work'],
    made: [{ step: 'work', output: 'output', path: 'tree/', parts: P3, marker: JSON_MARKER }],
    workflow: (base, run) =>
      file(`  - name: work
    run: ${run('work')}
    ${ROUND}
    outputs: [{ path: "${base}tree/", match: stepaside }]
`),
  },
  {
    name: 'replaced',
    steps: ['work'],
    slow: true,
    made: [{ step: 'work', output: 'output', path: 'tree/', parts: 'fresh', marker: JSON_MARKER }],
    workflow: (base, run) =>
      file(`  - name: work
    run: ${run('work')}
    ${ROUND}
    inputs: { files: [input] }
    outputs: [{ path: "${base}tree/", match: stepaside, mode: replace }]
`),
  },
  {
    name: 'merged',
    steps: ['work'],
    made: [{ step: 'work', output: 'output', path: 'tree/', parts: P3, marker: { name: '_KEY', holds: 'key' } }],
    workflow: (base, run) =>
      file(`  - name: work
    run: ${run('work')}
    ${ROUND}
    outputs: [{ path: "${base}tree/", marker: _KEY, match: key, markerBy: stepaside, mode: merge }]
`),
  },
  {
    name: 'producer',
    steps: ['work'],
    made: [
      { step: 'work', output: 'table', path: 'tree/', parts: P3, marker: { name: '_SUCCESS', holds: 'nothing' } },
      { step: 'work', output: 'report', path: 'report', parts: [''] },
    ],
    workflow: (base, run) =>
      file(`  - name: work
    run: ${run('work')}
    ${ROUND}
    outputs:
      - { name: table, path: "${base}tree/", marker: _SUCCESS }
      - { name: report, path: "${base}report", atomic: true }
`),
  },
  {
    name: 'two',
    steps: ['first', 'second'],
    made: [
      { step: 'first', output: 'output', path: 'one/', parts: P3, marker: JSON_MARKER },
      { step: 'second', output: 'output', path: 'sum', parts: [''] },
    ],
    workflow: (base, run) =>
      file(`  - name: first
    run: ${run('first')}
    ${ROUND}
    outputs: [{ path: "${base}one/", match: stepaside }]
  - name: second
    needs: [first]
    run: ${run('second')}
    ${ROUND}
    outputs: [{ path: "${base}sum", atomic: true }]
`),
  },
  {
    name: 'many',
    steps: ['work'],
    // More than a slot holds: its parts list is an object of its own.
    made: [
      {
        step: 'work',
        output: 'output',
        path: 'tree/',
        parts: Array.from({ length: 60 }, (_, at) => `part-${at}`),
        marker: JSON_MARKER,
      },
    ],
    workflow: (base, run) =>
      file(`  - name: work
    run: ${run('work')}
    ${ROUND}
    outputs: [{ path: "${base}tree/", match: stepaside }]
`),
  },
  {
    name: 'failing',
    steps: ['work'],
    fails: true,
    made: [{ step: 'work', output: 'output', path: 'tree/', parts: P3, marker: JSON_MARKER }],
    workflow: (base, run) =>
      file(`  - name: work
    run: ${run('work')}
    ${ROUND}
    outputs: [{ path: "${base}tree/", match: stepaside }]
`),
  },
  {
    name: 'retried',
    steps: ['work'],
    fails: true,
    made: [{ step: 'work', output: 'output', path: 'tree/', parts: 'fresh', marker: JSON_MARKER }],
    workflow: (base, run) =>
      file(`  - name: work
    run: ${run('work')}
    ${ROUND}
    retries: 1
    outputs: [{ path: "${base}tree/", match: stepaside, mode: replace }]
`),
  },
  {
    name: 'exec',
    steps: ['exec'],
    made: [{ step: 'exec', output: 'output', path: 'tree/', parts: P3 }],
    exec: (base) => ['--output', `${base}tree/`, '--scope', 'publish'],
  },
];
