import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { folderWith, type Ran, stepaside } from './cli.js';

/** A workflow in a folder of its own; its steps append their names to `ran`, so that starts can be counted. */
export function workflow(
  steps: string,
  { head = '', files = {} }: { head?: string; files?: Record<string, string> } = {},
) {
  const folder = folderWith({ 'out/.keep': '', ...files, 'stepaside.yaml': `name: w\n${head}steps:\n${steps}` });
  const at = (name: string) => join(folder, name);
  return {
    folder,
    at,
    write: (name: string, text: string) => writeFileSync(at(name), text),
    read: (name: string) => readFileSync(at(name), 'utf8'),
    remove: (name: string) => rmSync(at(name), { recursive: true }),
    /** What was started since the last call, in order. */
    started(): string[] {
      const names = existsSync(at('ran')) ? readFileSync(at('ran'), 'utf8').split('\n').filter(Boolean) : [];
      rmSync(at('ran'), { force: true });
      return names;
    },
    run: (words: string[] = [], env: Record<string, string> = {}) => stepaside(['run', ...words], { cwd: folder, env }),
    async outcomes(words: string[] = [], env: Record<string, string> = {}) {
      const ran = await stepaside(['run', '--json', ...words], { cwd: folder, env });
      return { code: ran.code, stderr: ran.stderr, steps: outcomesIn(ran) };
    },
  };
}

interface Ended {
  readonly type: string;
  readonly step: string;
  readonly outcome: {
    readonly status: string;
    readonly verdict?: { readonly reason: string };
    readonly recorded?: { readonly not?: string };
    readonly why?: string;
  };
}

/** `avoided parts-match`, `ran no-record`, `ran no-record, leftovers`, by step; the last word on each counts. */
export function outcomesIn({ stdout }: Ran): Record<string, string> {
  const ended = stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Ended)
    .filter(({ type }) => type === 'step-ended');
  return Object.fromEntries(
    ended.map(({ step, outcome: { status, verdict, recorded } }) => [
      step,
      `${status}${verdict ? ` ${verdict.reason}` : ''}${recorded?.not ? `, ${recorded.not}` : ''}`,
    ]),
  );
}

/** Three in a row: what `count` makes depends only on how long the input is. */
export const CHAIN = `
  - name: extract
    run: echo extract >> ran; cat in.txt > out/raw
    inputs: { files: [in.txt] }
    outputs: [{ path: out/raw, atomic: true }]
  - name: count
    needs: [extract]
    run: echo count >> ran; wc -c < out/raw > out/count
    outputs: [{ path: out/count, atomic: true }]
  - name: report
    needs: [count]
    run: echo report >> ran; cat out/count > out/report
    outputs: [{ path: out/report, atomic: true }]
`;
export const chain = () => workflow(CHAIN, { files: { 'in.txt': 'hello' } });
export const all = (what: string) => ({ extract: what, count: what, report: what });
