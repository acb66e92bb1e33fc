import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, inject, it } from 'vitest';
import { folderWith, type Ran, stepaside } from '../rig/cli.js';
import { accountOf } from '../rig/s3-server.js';
import { sdkMakeBucket, Witness } from '../rig/sdk.js';

/** A workflow in a folder of its own; its steps append their names to `ran`, so that starts can be counted. */
function workflow(steps: string, { head = '', files = {} }: { head?: string; files?: Record<string, string> } = {}) {
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
function outcomesIn({ stdout }: Ran): Record<string, string> {
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
const CHAIN = `
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
const chain = () => workflow(CHAIN, { files: { 'in.txt': 'hello' } });
const all = (what: string) => ({ extract: what, count: what, report: what });

describe('run', () => {
  it('does the work once: the second run avoids all of it and says so', async () => {
    const w = chain();
    const first = await w.run();
    expect(first).toMatchObject({ code: 0, stdout: '' });
    expect(first.stderr).toMatch(/3 steps, 0 avoided, 3 ran, 0 failed/);
    expect(w.started()).toEqual(['extract', 'count', 'report']);
    const second = await w.run();
    expect(second.code).toBe(0);
    expect(second.stderr).toMatch(/^skip +extract +parts-match/m);
    expect(second.stderr).toMatch(/3 steps, 3 avoided, 0 ran, 0 failed, .*saved/);
    expect(w.started()).toEqual([]);
    expect(w.read('out/report').trim()).toBe('5');
  });

  it('begins nothing on the disk but the cache, and that folder hides itself from git', async () => {
    const w = chain();
    await w.run();
    w.started();
    expect(readdirSync(w.folder).sort()).toEqual(['.stepaside', 'in.txt', 'out', 'stepaside.yaml']);
    expect(w.read('.stepaside/.gitignore')).toBe('*\n');
    expect(readdirSync(w.at('.stepaside/v1/beats'))).toEqual([]);
  });

  it('an output that is changed, cut or touched by hand is made again, or known by its bytes', async () => {
    const w = chain();
    await w.run();
    w.started();
    w.write('out/report', 'by hand');
    expect((await w.outcomes()).steps).toEqual({ ...all('avoided parts-match'), report: 'ran parts-changed' });
    w.write('out/report', w.read('out/report'));
    expect((await w.outcomes()).steps).toEqual(all('avoided parts-match'));
    expect(w.started()).toEqual(['report']);
  });

  it('cuts off early where what was made again is as it was', async () => {
    const w = chain();
    await w.run();
    w.started();
    w.write('in.txt', 'olleh');
    expect((await w.outcomes()).steps).toEqual({
      extract: 'ran other-key',
      count: 'ran other-key',
      report: 'avoided parts-match',
    });
    expect(w.started()).toEqual(['extract', 'count']);
    // The first input again: its record stands, but the place was last written by another.
    w.write('in.txt', 'hello');
    expect((await w.outcomes(['extract'])).steps).toEqual({ extract: 'ran other-key' });
  });

  it('lets outputs stay gone that nobody needs, makes them when somebody does, and with --materialize', async () => {
    const w = chain();
    await w.run();
    w.started();
    w.remove('out/raw');
    w.remove('out/count');
    expect((await w.outcomes()).steps).toEqual({
      extract: 'avoided not-needed',
      count: 'avoided not-needed',
      report: 'avoided parts-match',
    });
    expect(w.started()).toEqual([]);
    w.remove('out/report');
    expect((await w.outcomes()).steps).toEqual(all('ran output-missing'));
    expect(w.started()).toEqual(['extract', 'count', 'report']);
    w.remove('out/raw');
    expect((await w.outcomes(['--materialize'])).steps).toMatchObject({ extract: 'ran output-missing' });
    expect(w.started()).toEqual(['extract']);
    w.remove('out/raw');
    expect((await w.outcomes(['extract'])).steps).toEqual({ extract: 'ran output-missing' });
    expect(w.started()).toEqual(['extract']);
  });

  it('memo: what a run did it does not do again, nor does its rerun; another run does', async () => {
    const w = workflow(`
  - name: warm
    memo: [region]
    forEach: { region: [eu, us], day: [1, 2, 3] }
    run: sleep 0.2; echo "warm $REGION" >> ran
    env: { REGION: "{{each.region}}" }
  - name: tell
    run: echo tell >> ran
`);
    const first = await w.outcomes(['--jobs', '6']);
    expect(w.started().sort()).toEqual(['tell', 'warm eu', 'warm us']);
    const ended = Object.values(first.steps).map((words) => words.split(',')[0]);
    expect(ended.filter((words) => words === 'avoided run-memo')).toHaveLength(4);
    expect(ended.filter((words) => words === 'ran nothing-to-prove')).toHaveLength(3);
    const [id] = readdirSync(w.at('.stepaside/v1/runs')).map((name) => name.replace('.json', ''));
    const again = await stepaside(['rerun', id!], { cwd: w.folder });
    expect(again.stderr).toMatch(/7 steps, 6 avoided, 1 ran, 0 failed/);
    expect(w.started()).toEqual(['tell']);
    const forced = await stepaside(['rerun', id!, 'warm'], { cwd: w.folder });
    expect(forced.stderr).toMatch(/6 ran/);
    w.started();
    await w.run();
    expect(w.started().sort()).toEqual(['tell', 'warm eu', 'warm us']);
  });

  it('begins nothing whose gone inputs cannot be made again', async () => {
    const w = workflow(CHAIN.replace('cat in.txt', 'test ! -e broken && cat in.txt'), { files: { 'in.txt': 'hello' } });
    await w.run();
    w.started();
    for (const name of ['raw', 'count', 'report']) w.remove(`out/${name}`);
    w.write('broken', '');
    const { code, steps } = await w.outcomes();
    expect({ code, ...steps }).toEqual({
      code: 1,
      extract: 'failed output-missing',
      count: 'not-begun',
      report: 'not-begun',
    });
    expect(w.started()).toEqual(['extract']);
  });

  it('prepares each try anew: what the last one left does not spoil the next', async () => {
    const w = workflow(`
  - name: x
    run: echo x >> ran; test ! -e out/t || ls -A out/t >> seen; mkdir -p out/t; touch "out/t/part-$$" out/t/_SUCCESS; test "$(wc -l < ran)" -gt 1
    retries: 1
    outputs: [{ path: out/t/, marker: _SUCCESS, mode: replace }]
`);
    expect((await w.outcomes()).steps).toEqual({ x: 'ran no-record' });
    expect(w.started()).toEqual(['x', 'x']);
    expect(existsSync(w.at('seen')) ? w.read('seen') : '').toBe('');
    expect(readdirSync(w.at('out/t'))).toHaveLength(2);
    expect((await w.outcomes()).steps).toEqual({ x: 'avoided parts-match' });
  });

  it('runs each item of forEach for itself, and one alone by its name', async () => {
    const w = workflow(`
  - name: day
    forEach: { d: { from: 2024-01-01, to: 2024-01-03 } }
    run: echo "$DAY" >> ran; echo "$DAY" > "out/$DAY"
    env: { DAY: "{{each.d}}" }
    outputs: [{ path: "out/{{each.d}}", atomic: true }]
`);
    const days = ['2024-01-01', '2024-01-02', '2024-01-03'];
    expect((await w.outcomes(['--jobs', '1'])).code).toBe(0);
    expect(w.started().sort()).toEqual(days);
    w.remove('out/2024-01-02');
    expect((await w.outcomes()).steps).toEqual({
      'day[2024-01-01]': 'avoided parts-match',
      'day[2024-01-02]': 'ran output-missing',
      'day[2024-01-03]': 'avoided parts-match',
    });
    expect((await w.outcomes(['day[2024-01-03]', '--force'])).steps).toEqual({ 'day[2024-01-03]': 'ran forced' });
    expect(w.started()).toEqual(['2024-01-02', '2024-01-03']);
  });

  it('--force runs the named steps and records them, --force-downstream their readers as well', async () => {
    const w = chain();
    await w.run();
    w.started();
    expect((await w.outcomes(['--force'])).steps).toEqual(all('ran forced'));
    expect(w.started()).toEqual(['extract', 'count', 'report']);
    expect((await w.outcomes(['count', '--force'])).steps).toEqual({
      extract: 'avoided parts-match',
      count: 'ran forced',
    });
    expect(w.started()).toEqual(['count']);
    expect((await w.outcomes(['count', '--only', '--force'])).steps).toEqual({ count: 'ran forced' });
    expect((await w.outcomes(['count', 'report', '--force-downstream'])).steps).toEqual({
      extract: 'avoided parts-match',
      count: 'ran forced',
      report: 'ran forced',
    });
    w.started();
    expect((await w.outcomes()).steps).toEqual(all('avoided parts-match'));
  });

  it('--read-only records nothing, --write-only reads nothing, --no-cache does neither', async () => {
    const w = chain();
    expect((await w.outcomes(['--read-only'])).steps).toEqual(all('ran no-record, writing-off'));
    expect((await w.run(['--read-only'])).code).toBe(0);
    expect(existsSync(w.at('.stepaside/v1'))).toBe(false);
    w.started();
    await w.run(['--force']);
    expect((await w.outcomes(['--no-cache'])).steps).toEqual(all('ran cache-off, writing-off'));
    expect((await w.outcomes(['--write-only'])).steps).toEqual(all('ran cache-off'));
    expect((await w.outcomes()).steps).toEqual(all('avoided parts-match'));
    expect((await w.run(['--read-only', '--write-only'])).code).toBe(2);
  });

  it('a condition decides before any key: avoided, and it does not cascade', async () => {
    const w = workflow(`
  - name: make
    when: { pathNotExists: [out/done] }
    run: echo make >> ran; echo x > out/done
  - name: use
    needs: [make]
    run: echo use >> ran; cat out/done > out/use
    outputs: [{ path: out/use, atomic: true }]
`);
    expect((await w.outcomes()).steps).toEqual({ make: 'ran condition-true', use: 'ran no-record' });
    expect((await w.outcomes()).steps).toEqual({ make: 'avoided condition-false', use: 'avoided parts-match' });
    expect(w.started()).toEqual(['make', 'use']);
  });
});

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

describe('secrets (F10)', () => {
  const STEPS = `
  - name: login
    run: |
      echo login >> ran; echo "token $TOKEN ends"; echo "$TOKEN" >&2; printf '%s' "$TOKEN" | wc -c > out/x
      [ "$FAIL" = no ]
    env: { TOKEN: "{{params.token}}", FAIL: "{{params.fail}}" }
    outputs: [{ path: out/x, atomic: true }]
`;
  const head = 'params: { token: { secret: true }, fail: "no" }\n';

  it('never in logs, records, journals, events or output, whether it is cached or not, ends well or fails', async () => {
    const canary = `canary-${randomBytes(9).toString('hex')}`;
    const hmac = randomBytes(16).toString('hex');
    const told: string[] = [];
    const w = workflow(STEPS, { head });
    for (const env of [{ STEPASIDE_SECRET: hmac }, {}] as Record<string, string>[])
      for (const words of [[], ['-v'], ['--json'], ['-p', 'fail=yes'], ['-p', 'fail=yes', '-v'], ['--force']]) {
        const ran = await w.run(['-p', `token=${canary}`, ...words], env);
        expect([0, 1]).toContain(ran.code);
        told.push(ran.stdout, ran.stderr);
      }
    for (const command of [['plan'], ['plan', '--json', '-v'], ['why', 'login'], ['why', 'login', '--json']]) {
      const ran = await stepaside([...command, '-p', `token=${canary}`], {
        cwd: w.folder,
        env: { STEPASIDE_SECRET: hmac },
      });
      told.push(ran.stdout, ran.stderr);
    }
    expect(w.read('out/x').trim()).toBe(String(canary.length));
    const files = readdirSync(w.folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const texts = files.map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'));
    expect(texts.some((text) => text.includes('token *** ends\n***\n'))).toBe(true);
    for (const secret of [canary, hmac]) {
      expect(texts.filter((text) => text.includes(secret))).toEqual([]);
      expect(told.filter((text) => text.includes(secret))).toEqual([]);
    }
  });

  it('is part of the key under STEPASIDE_SECRET; without it the step is not cached, and says so', async () => {
    const w = workflow(STEPS, { head });
    const env = { STEPASIDE_SECRET: 'pepper' };
    expect((await w.outcomes(['-p', 'token=one'], env)).steps).toEqual({ login: 'ran no-record' });
    expect((await w.outcomes(['-p', 'token=one'], env)).steps).toEqual({ login: 'avoided parts-match' });
    expect((await w.outcomes(['-p', 'token=two'], env)).steps).toEqual({ login: 'ran other-key' });
    expect((await w.outcomes(['-p', 'token=two'])).steps).toEqual({ login: 'ran not-cached, not-keyed' });
    expect((await w.outcomes(['-p', 'token=two'], { STEPASIDE_SECRET: 'salt' })).steps).toEqual({
      login: 'ran partial',
    });
  });
});

describe('plan', () => {
  /** Names, sizes and times of everything below a folder. */
  const listing = (folder: string) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .sort()
      .map((name) => {
        const { size, mtimeMs, ino } = statSync(join(folder, name));
        return `${name} ${size} ${mtimeMs} ${ino}`;
      });

  it('writes nothing, before, in between and after; --exit-code tells whether there is work', async () => {
    const w = chain();
    const plan = async (...words: string[]) => {
      const before = listing(w.folder);
      const ran = await stepaside(['plan', ...words], { cwd: w.folder });
      expect(listing(w.folder)).toEqual(before);
      return ran;
    };
    const fresh = await plan('--exit-code');
    expect(fresh.code).toBe(10);
    expect(fresh.stdout).toMatch(/^run +extract +no-record/m);
    expect(fresh.stdout).toMatch(/^wait +count +pending/m);
    expect(fresh.stdout).toMatch(/^Plan: 1 to run, 0 avoided, 2 waiting/m);
    expect((await plan()).code).toBe(0);
    await w.run();
    expect(await plan('--exit-code')).toMatchObject({ code: 0 });
    w.write('in.txt', 'olleh');
    const changed = await plan('--exit-code');
    expect(changed.code).toBe(10);
    expect(changed.stdout).toMatch(/in\.txt has other contents/);
    const why = await stepaside(['why', 'extract'], { cwd: w.folder });
    expect(why.stdout).toMatch(/would run.*\(other-key\)[\s\S]*in\.txt has other contents/);
    const waits = await stepaside(['why', 'count'], { cwd: w.folder });
    // What it will be made of is not known yet: nothing of that is called gone.
    expect(waits.stdout).toMatch(/waits.*\(pending\)[\s\S]*nearest record: attempt 1/);
    expect(waits.stdout).not.toContain('gone');
    const json = await plan('--json', '--exit-code');
    expect(json.json()).toMatchObject({
      command: 'plan',
      exitCode: 10,
      latch: 'machine',
      steps: [
        { step: 'extract', action: 'run', reason: 'other-key', nearest: { attempt: 1 } },
        { step: 'count', action: 'wait', reason: 'pending' },
        { step: 'report', action: 'wait', reason: 'pending' },
      ],
    });
    w.remove('in.txt');
    expect(await plan('--exit-code')).toMatchObject({ code: 3 });
  });

  it('foretells what the run does', async () => {
    const w = chain();
    await w.run();
    w.remove('out/raw');
    const { steps } = (await stepaside(['plan', '--json'], { cwd: w.folder })).json() as {
      steps: { step: string; reason: string }[];
    };
    const ran = await w.outcomes();
    expect(Object.fromEntries(steps.map(({ step, reason }) => [step, `avoided ${reason}`]))).toEqual(ran.steps);
  });
});

describe('run with cache and places on S3', () => {
  const s3 = inject('s3');

  it('does the work once, is invisible to others but for its markers, and plan writes nothing', async () => {
    const bucket = `run-${randomBytes(4).toString('hex')}`;
    await sdkMakeBucket(s3, bucket);
    const env = accountOf(s3);
    const witness = new Witness(s3, bucket);
    const w = workflow(
      `
  - name: load
    run: echo load >> ran; "$NODE" "$CLI" check s3://${bucket}/lake/ >/dev/null; "$NODE" put.mjs
    outputs: [{ path: "s3://${bucket}/lake/", match: stepaside }]
`,
      {
        head: `cache: s3://${bucket}/cache\n`,
        files: {
          'put.mjs': `
            import { createRequire } from 'node:module';
            const { S3Client, PutObjectCommand } = createRequire(process.env.CLI)('@aws-sdk/client-s3');
            const client = new S3Client({ endpoint: process.env.AWS_ENDPOINT_URL_S3, forcePathStyle: true });
            for (const Key of ['lake/a', 'lake/b'])
              await client.send(new PutObjectCommand({ Bucket: '${bucket}', Key, Body: 'x' }));`,
        },
      },
    );
    const more = { ...env, NODE: process.execPath, CLI: new URL('../../dist/stepaside.cjs', import.meta.url).pathname };
    const plan = () => stepaside(['plan', '--exit-code'], { cwd: w.folder, env: more });
    expect((await plan()).code).toBe(10);
    expect(await keysIn(witness)).toEqual([]);
    expect(await w.outcomes([], more)).toMatchObject({ code: 0, steps: { load: 'ran no-record' } });
    const keys = await keysIn(witness);
    expect(keys.filter((key) => key.startsWith('lake/'))).toEqual(['lake/_stepaside.json', 'lake/a', 'lake/b']);
    expect(await w.outcomes([], more)).toMatchObject({ code: 0, steps: { load: 'avoided parts-match' } });
    expect((await plan()).code).toBe(0);
    expect(w.started()).toEqual(['load']);
    await witness.put('lake/c', new Uint8Array(1));
    expect(await w.outcomes([], more)).toMatchObject({ steps: { load: 'ran parts-changed, leftovers' } });
    witness.close();
  });

  it('ends a step well whose log cannot be written, and says so', async () => {
    const flow = workflow(
      '  - { name: a, run: "echo a; echo a > out/a", outputs: [{ path: out/a, atomic: true }] }\n',
      {
        files: { '.stepaside/logs': 'no folder' },
      },
    );
    const ran = await flow.run();
    expect(ran).toMatchObject({ code: 0, stderr: expect.stringContaining('its log is lost') });
    expect((await flow.outcomes()).steps).toEqual({ a: 'avoided parts-match' });
  });
});

async function keysIn(witness: Witness): Promise<string[]> {
  return (await witness.list('')).map(({ key }) => key).sort();
}
