import { readFileSync, statSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { workflow } from '../rig/workflow.js';

describe('failing', () => {
  const FAILING = `
  - name: bad
    run: echo bad >> ran; echo a word to out; echo a word to err >&2; exit 3
    outputs: [{ path: out/bad, atomic: true }]
  - name: after
    needs: [bad]
    run: echo after >> ran
  - name: other
    needs: [{ step: slow, order: true }]
    run: echo other >> ran
  - name: slow
    run: sleep 0.3; echo slow >> ran
`;

  it('a failing step: exit 1, its log shown, who needs it not begun, and nobody else either', async () => {
    const w = workflow(FAILING);
    const ran = await w.run();
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(/^failed +bad .*exit code 3/m);
    expect(ran.stderr).toMatch(/^- +after +bad did not end well/m);
    expect(ran.stderr).toMatch(/^ {2}a word to out$/m);
    expect(ran.stderr).toMatch(/^ {2}a word to err$/m);
    const [, log] = /log: (\S+)/.exec(ran.stderr)!;
    expect(readFileSync(log!, 'utf8')).toBe('a word to out\na word to err\n');
    expect(statSync(log!).mode & 0o777).toBe(0o600);
    expect(w.started().sort()).toEqual(['bad', 'slow']);
    const again = await w.outcomes();
    expect(again.steps).toMatchObject({ bad: 'failed partial', after: 'not-begun' });
  });

  it('--keep-going begins everything that does not need it', async () => {
    const w = workflow(FAILING);
    const ran = await w.outcomes(['--keep-going']);
    expect(ran.code).toBe(1);
    expect(ran.steps).toEqual({
      bad: 'failed no-record',
      after: 'not-begun',
      slow: 'ran nothing-to-prove',
      other: 'ran nothing-to-prove',
    });
    expect(w.started().sort()).toEqual(['bad', 'other', 'slow']);
  });

  it('retries until it ends well, and no more often than told', async () => {
    const w = workflow(`
  - name: flaky
    run: echo flaky >> ran; [ "$(wc -l < ran)" -ge 2 ] && echo x > out/flaky
    retries: 2
    outputs: [{ path: out/flaky, atomic: true }]
`);
    const ran = await w.run();
    expect([ran.code, w.started()]).toEqual([0, ['flaky', 'flaky']]);
    expect(ran.stderr).toMatch(/^again +flaky +try 2/m);
    expect((await w.outcomes()).steps).toEqual({ flaky: 'avoided parts-match' });
    const never = workflow(`
  - name: never
    run: echo never >> ran; exit 9
    retries: 1
`);
    expect((await never.outcomes()).code).toBe(1);
    expect(never.started()).toEqual(['never', 'never']);
  });

  it('a step that outlasts its timeout is ended with its children, even if it then says 0', async () => {
    const w = workflow(`
  - name: long
    run: trap 'exit 0' TERM; (sleep 30; echo child >> ran) & echo x > out/x; wait
    timeout: 1s
    outputs: [{ path: out/x, atomic: true }]
`);
    const begun = performance.now();
    const ran = await w.run();
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(/longer than its timeout of 1 s/);
    expect(performance.now() - begun).toBeLessThan(8_000);
    expect((await w.outcomes()).steps).toEqual({ long: 'failed partial' });
  });

  it('a missing program and a file without the right to run are told apart from a step that failed', async () => {
    const w = workflow(
      `
  - name: none
    run: [no-such-program-here]
  - name: plain
    run: [./plain.txt]
`,
      { files: { 'plain.txt': 'text' } },
    );
    const ran = await w.run(['--keep-going']);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(/failed +none .*no program no-such-program-here/);
    expect(ran.stderr).toMatch(/failed +plain .*cannot be started/);
  });

  it('an input that matches nothing is refused: exit 3', async () => {
    const w = workflow(`
  - name: s
    run: echo s >> ran
    inputs: { files: ["none/*.csv"] }
    outputs: [{ path: out/x, atomic: true }]
`);
    expect(await w.outcomes()).toMatchObject({ code: 3, steps: { s: 'refused input-missing' } });
    expect(w.started()).toEqual([]);
  });
});
