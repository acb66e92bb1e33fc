import { existsSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { stepaside } from '../rig/cli.js';
import { all, CHAIN, chain, workflow } from '../rig/workflow.js';

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
