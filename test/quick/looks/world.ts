import { mkdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Execute } from '../../../src/engine/engine.js';
import { pick } from '../../conformance/random.js';

type Random = () => number;

export const FLOW = 'stepaside.yaml';
export const CONFIG = 'stepaside.config.yaml';

/** Above what is read again without looking up what it held. */
const LARGE = Buffer.alloc(256 * 1024, 'large');

/** What lies there before anything ran. */
const FIRST: Readonly<Record<string, string | Buffer>> = {
  ...{ 'in/a': 'a', 'in/b': 'b', 'in/sub/c.x': 'c' },
  other: '',
};

export function plant(folder: string, random: Random): void {
  for (const [name, bytes] of Object.entries(FIRST)) write(folder, name, bytes);
  if (random() < 0.4) write(folder, 'in/large', LARGE);
  writeFileSync(join(folder, FLOW), flowText(random));
}

function write(folder: string, name: string, bytes: string | Buffer): void {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
  // A date of whole seconds, as archives have them: only such a one can be set back exactly.
  const second = Math.floor(statSync(path).mtimeMs / 1000);
  utimesSync(path, second, second);
}

const INPUTS = ['in/a', 'in/*', 'in/**/*.x', 'in/a, in/b', 'in/*, !in/b', 'in/{a,b,none}', 'in/sub/?.x'];
const MARKERS = ['', '', ', marker: _SUCCESS', ', match: stepaside'];

/** One to three steps over a few names, so that they meet. */
function flowText(random: Random): string {
  const steps: string[] = [];
  const count = 1 + Math.floor(random() * 3);
  let before = '';
  for (let i = 0; i < count; i++) {
    const tree = random() < 0.5;
    const marker = tree ? pick(random, MARKERS) : '';
    const inputs = random() < 0.2 && before !== '' ? before : pick(random, INPUTS);
    const items = random() < 0.25 ? '\n    forEach: { i: [1, 2] }' : '';
    const name = `${tree ? 't' : 'f'}${i}${items === '' ? '' : '-{{each.i}}'}`;
    const out = `out/${name}${tree ? '/' : ''}`;
    const what = `${tree ? 'tree' : 'file'}${marker.includes('_SUCCESS') ? '-success' : ''}`;
    const keep = random() < 0.1 ? ', keep: artifact' : '';
    steps.push(
      [
        `  - name: s${i}${items}`,
        `    run: [make, "${what}", "v0"]`,
        `    inputs: { files: [${inputs
          .split(', ')
          .map((one) => `"${one}"`)
          .join(', ')}] }`,
        ...(i > 0 && (inputs === before || random() < 0.4) ? [`    needs: [s${i - 1}]`] : []),
        ...(random() < 0.05 ? [`    policy: ${pick(random, ['exists', 'digest', 'spark'])}`] : []),
        ...(random() < 0.05 ? ['    when: { pathExists: [in/a] }'] : []),
        ...(random() < 0.15 ? ['    memoize: { maxAge: 1h }'] : []),
        `    outputs: [{ path: "${out}", mode: replace${marker}${tree ? '' : ', atomic: true'}${keep} }]`,
      ].join('\n'),
    );
    before = items === '' && !tree ? out : '';
  }
  return `name: w\nparams: { p: 1 }\nsteps:\n${steps.join('\n')}\n`;
}

/** Does at once what a command would. */
export function make(folder: string): Execute {
  return async ({ instance }) => {
    const [, what] = instance.resolved.run as readonly string[];
    for (const { path } of instance.resolved.outputs) {
      if (what === 'file') {
        write(folder, path!, `made by ${instance.name}`);
        continue;
      }
      write(folder, `${path}part-0`, 'part');
      write(folder, `${path}deep/part-1`, instance.name);
      if (what!.endsWith('success')) write(folder, `${path}_SUCCESS`, '');
    }
    return { exitCode: 0 };
  };
}
