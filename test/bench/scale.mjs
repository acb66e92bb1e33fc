// P19: a plan of many steps, and of ten times as many. LIMITS bounds their time and their memory.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { howToGet, onPath } from './peers.mjs';

/** A tenth of them is the peer. */
export function planContestants(work, { steps, command, version, env }) {
  const large = 100 * steps;
  const all = [
    { name: 'stepaside', count: large },
    { name: 'a tenth of the steps', count: large / 10 },
  ];
  if (!onPath('time', env.PATH)) return all.map(({ name }) => ({ name, missing: howToGet('time') }));
  return all.map(({ name, count }) => planOf(join(work, `plan-${count}`), { name, count, command, version }));
}

function planOf(cwd, { name, count, command, version }) {
  return {
    name,
    version,
    command: [command, 'plan'],
    resources: true,
    cwd,
    outputs: [],
    proof: (text) => text.includes(`Plan: ${count} to run, 0 avoided`),
    proven: `Plan: ${count} to run`,
    prepare() {
      mkdirSync(cwd, { recursive: true });
      writeFileSync(join(cwd, 'in.txt'), 'input\n');
      writeFileSync(
        join(cwd, 'stepaside.yaml'),
        `apiVersion: stepaside/v1
kind: Workflow
name: many
steps:
  - name: part
    forEach: { i: { from: 1, to: ${count} } }
    run: [cp, in.txt, "out/{{each.i}}.txt"]
    inputs: { files: [in.txt] }
    outputs: [{ path: "out/{{each.i}}.txt", atomic: true }]
`,
      );
      return [command, 'validate'];
    },
  };
}
