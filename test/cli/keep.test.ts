import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { folderWith, stepaside } from '../rig/cli.js';

const MODEL = `
  - name: train
    run: echo train >> ran; mkdir -p model/deep; echo weights > model/deep/w; cp in.txt model/config; touch model/_SUCCESS; chmod +x model/deep/w
    inputs: { files: [in.txt] }
    outputs: [{ path: model/, keep: artifact, marker: _SUCCESS, mode: replace }]
  - name: report
    needs: [train]
    run: echo report >> ran; cat model/config > report.txt
    outputs: [{ path: report.txt, keep: artifact }]
`;

function workflow(steps = MODEL) {
  const cwd = folderWith({ 'in.txt': 'a', 'stepaside.yaml': `name: w\nsteps:${steps}` });
  const at = (name: string) => join(cwd, name);
  return {
    cwd,
    at,
    read: (name: string) => readFileSync(at(name), 'utf8'),
    remove: (name: string) => rmSync(at(name), { recursive: true }),
    async run(words: string[] = []) {
      const { stdout, code, stderr } = await stepaside(['run', '--json', ...words], { cwd });
      const events = stdout
        .split('\n')
        .filter(Boolean)
        .map(
          (line) =>
            JSON.parse(line) as {
              type: string;
              step: string;
              outcome: { status: string; verdict: { reason: string } };
            },
        );
      const steps = events
        .filter(({ type }) => type === 'step-ended')
        .map(({ step, outcome }) => [step, `${outcome.status} ${outcome.verdict?.reason}`]);
      return { code, stderr, ...Object.fromEntries(steps) };
    },
    started() {
      const names = existsSync(at('ran')) ? readFileSync(at('ran'), 'utf8').split('\n').filter(Boolean) : [];
      rmSync(at('ran'), { force: true });
      return names;
    },
  };
}

describe('keep: artifact', () => {
  it('puts back what is gone, verified, the marker last; nothing runs, then or afterwards', async () => {
    const w = workflow();
    await w.run();
    expect(w.started()).toEqual(['train', 'report']);
    w.remove('model');
    w.remove('report.txt');
    expect(await w.run()).toMatchObject({ code: 0, train: 'avoided not-needed', report: 'avoided kept-artifact' });
    expect(w.read('report.txt')).toBe('a');
    expect(await w.run(['--materialize'])).toMatchObject({ code: 0, train: 'avoided kept-artifact' });
    expect(w.read('model/deep/w')).toBe('weights\n');
    expect(statSync(w.at('model/deep/w')).mode & 0o100).toBe(0o100);
    expect(readdirSync(w.at('model')).sort()).toEqual(['_SUCCESS', 'config', 'deep']);
    expect(await w.run()).toMatchObject({ train: 'avoided parts-match', report: 'avoided parts-match' });
    expect(w.started()).toEqual([]);
  });

  it('goes back to what another input made, without running, and says so in plan and why', async () => {
    const w = workflow();
    await w.run();
    writeFileSync(w.at('in.txt'), 'b');
    await w.run();
    expect(w.read('report.txt')).toBe('b');
    w.started();
    writeFileSync(w.at('in.txt'), 'a');
    expect((await stepaside(['plan', 'train'], { cwd: w.cwd })).stdout).toMatch(/^restore +train +kept-artifact/m);
    expect((await stepaside(['why', 'train'], { cwd: w.cwd })).stdout).toContain('would be restored');
    expect(await w.run()).toMatchObject({ code: 0, train: 'avoided kept-artifact', report: 'avoided kept-artifact' });
    expect([w.read('model/config'), w.read('report.txt')]).toEqual(['a', 'a']);
    expect(w.started()).toEqual([]);
  });

  it('mixes nothing: one part changed, and the whole is put back as it was', async () => {
    const w = workflow();
    await w.run();
    w.started();
    writeFileSync(w.at('model/deep/w'), 'edited!\n');
    writeFileSync(w.at('model/extra'), '');
    expect(await w.run()).toMatchObject({ train: 'avoided kept-artifact' });
    expect(w.read('model/deep/w')).toBe('weights\n');
    expect(existsSync(w.at('model/extra'))).toBe(false);
    expect(w.started()).toEqual([]);
  });

  it('runs again where what was kept is damaged or gone, and never puts back wrong bytes', async () => {
    for (const damage of [
      (file: string) => rmSync(file),
      (file: string) => {
        const bytes = readFileSync(file);
        bytes[Math.floor(bytes.length / 2)]! ^= 1;
        rmSync(file);
        writeFileSync(file, bytes);
      },
    ]) {
      const w = workflow();
      await w.run();
      w.started();
      w.remove('model');
      for (const room of ['packs', 'chunks']) {
        const folder = w.at(`.stepaside/v1/${room}`);
        if (!existsSync(folder)) continue;
        for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }))
          if (statSync(join(folder, name)).isFile()) damage(join(folder, name));
      }
      const ran = await w.run(['--materialize']);
      expect(ran, ran.stderr).toMatchObject({ code: 0, train: 'ran partial' });
      expect(w.started()).toContain('train');
      expect(w.read('model/deep/w')).toBe('weights\n');
    }
  });

  it('at another place, with the same cache, is put back there and believed there', async () => {
    const w = workflow();
    await w.run(['--cache', w.at('cache')]);
    const other = `${w.cwd}-other`;
    mkdirSync(other);
    for (const name of ['in.txt', 'stepaside.yaml']) cpSync(w.at(name), join(other, name));
    const say = (...words: string[]) => stepaside([...words, '--cache', w.at('cache')], { cwd: other });
    expect((await say('run', '--materialize')).stderr).toMatch(/2 steps, 2 avoided, 0 ran/);
    expect(readFileSync(join(other, 'model/deep/w'), 'utf8')).toBe('weights\n');
    expect((await say('plan')).stdout).toMatch(/skip +train +parts-match/);
    rmSync(other, { recursive: true });
  });
});

it('gc keeps what records name, markers too, and takes it when they are invalidated', async () => {
  const w = workflow();
  await w.run();
  const gc = async () =>
    (await stepaside(['gc', '--older-than', '0s', '--json'], { cwd: w.cwd })).json() as {
      kept: number;
      doomed: unknown[];
    };
  await new Promise((done) => setTimeout(done, 50));
  expect(await gc()).toMatchObject({ kept: 3, doomed: [] });
  w.remove('model');
  expect(await w.run(['--materialize'])).toMatchObject({ train: 'avoided kept-artifact' });
  await stepaside(['invalidate', '--step', 'train'], { cwd: w.cwd });
  expect(await gc()).toMatchObject({ kept: 1 });
  expect((await gc()).doomed).toEqual([]);
  expect(await w.run()).toMatchObject({ code: 0, train: 'ran invalidated', report: 'avoided parts-match' });
});
