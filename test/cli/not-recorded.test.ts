import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { workflow } from '../rig/workflow.js';

describe('what is not recorded', () => {
  const tree = (mode: string) => `
  - name: split
    run: echo split >> ran; mkdir -p out/parts; echo "$PIECES" | tr ' ' '\\n' | while read p; do echo "$p" > "out/parts/$p"; done
    env: { PIECES: "{{params.pieces}}" }
    outputs: [{ path: out/parts/, min: 1, minBytes: 1${mode} }]
`;
  const split = (mode = '') => workflow(tree(mode), { head: 'params: { pieces: "a b c" }\n' });

  it('leftovers: parts from before that a run leaves as they are', async () => {
    const w = split();
    expect((await w.outcomes()).steps).toEqual({ split: 'ran no-record' });
    const fewer = await w.outcomes(['-p', 'pieces=a b']);
    expect(fewer.steps).toEqual({ split: 'ran other-key, leftovers' });
    const told = await w.run(['-p', 'pieces=a b']);
    expect(told.stderr).toMatch(/mode: replace .*mode: merge/);
    expect(told.stderr).toMatch(/not recorded: leftovers/);
    expect((await w.outcomes(['-p', 'pieces=a b'])).steps).toEqual({ split: 'ran partial, leftovers' });
    expect(w.started()).toHaveLength(4);
  });

  it('mode: replace empties the place first, mode: merge takes them in', async () => {
    const replace = split(', mode: replace');
    await replace.run();
    expect((await replace.outcomes(['-p', 'pieces=a b'])).steps).toEqual({ split: 'ran other-key' });
    expect(readdirSync(replace.at('out/parts')).sort()).toEqual(['a', 'b']);
    expect((await replace.outcomes(['-p', 'pieces=a b'])).steps).toEqual({ split: 'avoided parts-match' });
    const merge = split(', mode: merge');
    await merge.run();
    expect((await merge.outcomes(['-p', 'pieces=a b'])).steps).toEqual({ split: 'ran other-key' });
    expect(readdirSync(merge.at('out/parts')).sort()).toEqual(['a', 'b', 'c']);
    expect((await merge.outcomes(['-p', 'pieces=a b'])).steps).toEqual({ split: 'avoided parts-match' });
  });

  it('inputs-changed: nobody knows what it read', async () => {
    const w = workflow(
      `
  - name: race
    run: echo race >> ran; cat in.txt > out/x; [ -e once ] || { touch once; echo other > in.txt; }
    inputs: { files: [in.txt] }
    outputs: [{ path: out/x, atomic: true }]
`,
      { files: { 'in.txt': 'first' } },
    );
    const first = await w.outcomes();
    expect([first.code, first.steps]).toEqual([0, { race: 'ran no-record, inputs-changed' }]);
    expect((await w.outcomes()).steps).toEqual({ race: 'ran partial' });
    expect((await w.outcomes()).steps).toEqual({ race: 'avoided parts-match' });
    expect(w.read('out/x')).toBe('other\n');
  });

  it('not-kept: a link in what is to be kept by content', async () => {
    const w = workflow(`
  - name: links
    run: mkdir -p made; echo x > made/x; ln -sf x made/l
    outputs: [{ path: made/, atomic: true, keep: artifact, mode: replace }]
`);
    expect((await w.outcomes()).steps).toEqual({ links: 'ran no-record, not-kept' });
    const told = await w.run();
    expect(told.stderr).toMatch(/not recorded: not-kept {2}.*made\/l is a symbolic link: what is no plain file/);
    expect(told.stderr).not.toContain('could not be written');
  });

  it('validate says no, an output is not there, too small, or the marker is another’s', async () => {
    const step = (run: string, output: string, more = '') => `
  - name: s
    run: echo s >> ran; ${run}
    outputs: [${output}]
    ${more}
`;
    const file = '{ path: out/x, atomic: true }';
    const marked = '{ path: out/t/, marker: _stepaside.json, match: stepaside }';
    const foreign = `mkdir -p out/t; echo 1 > out/t/a; echo '{"v":1,"key":"other","attempt":7,"state":"complete"}' > out/t/_stepaside.json`;
    const cases: [string, string][] = [
      [step('echo bad > out/x', file, 'validate: grep -q good out/x'), 'validate-failed'],
      [step('true', file), 'output-missing'],
      [step('mkdir -p out/t; echo 1 > out/t/a', '{ path: out/t/, min: 2, minBytes: 1 }'), 'output-unproven'],
      [step(foreign, marked), 'place-contested'],
    ];
    for (const [steps, not] of cases) {
      const w = workflow(steps);
      const ran = await w.outcomes();
      expect([ran.code, ran.steps]).toEqual([0, { s: expect.stringMatching(new RegExp(`^ran [a-z-]+, ${not}$`)) }]);
      await w.run();
      expect(w.started(), not).toEqual(['s', 's']);
    }
  });

  it('validate says yes, a marker of ours is written last, and its claim stands meanwhile', async () => {
    const w = workflow(`
  - name: s
    run: mkdir -p out/t; cat out/t/_stepaside.json > claim; echo 1 > out/t/a
    validate: test -s out/t/a
    outputs: [{ path: out/t/, match: stepaside }]
`);
    expect((await w.outcomes()).steps).toEqual({ s: 'ran no-record' });
    expect(JSON.parse(w.read('claim'))).toMatchObject({ v: 1, state: 'running', attempt: 1 });
    expect(JSON.parse(w.read('out/t/_stepaside.json'))).toMatchObject({
      state: 'complete',
      total: { count: 1, bytes: 2 },
    });
    expect((await w.outcomes()).steps).toEqual({ s: 'avoided parts-match' });
    w.remove('out/t/_stepaside.json');
    expect((await w.outcomes()).steps).toEqual({ s: 'ran marker-gone' });
  });
});
