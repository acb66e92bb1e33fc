import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stepaside } from '../rig/cli.js';
import { chain } from '../rig/workflow.js';

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
