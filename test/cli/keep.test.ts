import { execFileSync } from 'node:child_process';
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
    const why = await stepaside(['why', 'train'], { cwd: w.cwd });
    expect(why.stdout).toMatch(
      /^train is avoided: .*\(not-needed\)\n {2}run train, or --materialize, brings them back$/m,
    );
    expect((await stepaside(['plan'], { cwd: w.cwd })).stdout).toMatch(/^skip +train +not-needed/m);
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
    const plan = await stepaside(['plan', 'train'], { cwd: w.cwd });
    expect(plan.stdout).toMatch(/^restore +train +kept-artifact/m);
    expect(plan.stdout).toMatch(/^Plan: 0 to run, 1 to restore, 0 avoided, 0 waiting/m);
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
    // Who reads it there reads what the record says that it is, also when what was read is looked at once more.
    expect((await say('run', 'report', '--force')).stderr).toMatch(/1 avoided, 1 ran/);
    expect((await say('run')).stderr).toMatch(/2 steps, 2 avoided, 0 ran/);
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

it('gc takes what a restore replaced, and nothing else at the place', async () => {
  const w = workflow();
  await w.run();
  writeFileSync(w.at('model/deep/w'), 'edited!\n');
  await w.run();
  const trash = w.at('.stepaside-tmp-trash');
  expect(readdirSync(trash).length).toBe(1);
  writeFileSync(join(trash, 'somebody-s'), '');
  writeFileSync(w.at('.stepaside-tmp-1-00112233445566ff'), 'of a process that may live');
  const gc = async (...words: string[]) => {
    const { stdout } = await stepaside(['gc', '--older-than', '0s', ...words], { cwd: w.cwd });
    return stdout.split('\n').filter((line) => line.includes('a restore replaced it')).length;
  };
  expect(await gc('--dry-run')).toBe(1);
  expect(readdirSync(trash).length).toBe(2);
  expect(await gc()).toBe(1);
  expect(readdirSync(trash)).toEqual(['somebody-s']);
  expect(existsSync(w.at('.stepaside-tmp-1-00112233445566ff'))).toBe(true);
  expect(w.read('model/deep/w')).toBe('weights\n');
});

it('gc expires what no rule of the config keeps: told first, undoable until the grace is over', async () => {
  const w = workflow();
  writeFileSync(w.at('stepaside.config.yaml'), 'retention: { keepLast: 2, steps: { report: { keepLast: 1 } } }\n');
  for (const input of ['a', 'b', 'c']) {
    writeFileSync(w.at('in.txt'), input);
    await w.run();
  }
  const gc = async (...words: string[]) =>
    (await stepaside(['gc', '--json', ...words], { cwd: w.cwd })).json() as {
      expired: { step: string; rule: string; key: string }[];
      doomed: { kind: string; why: string }[];
    };
  const told = await gc('--dry-run');
  expect(told.expired.map(({ step, rule }) => [step, rule]).sort()).toEqual([
    ['report', 'keepLast 1: 1 are newer'],
    ['report', 'keepLast 1: 2 are newer'],
    ['train', 'keepLast 2: 2 are newer'],
  ]);
  const [first] = told.expired.filter(({ step }) => step === 'train');
  expect(await gc()).toMatchObject({ expired: told.expired, doomed: [] });
  expect(await gc()).toMatchObject({ expired: [], doomed: [] });
  // Taken back, and pinned, so that no rule speaks against it.
  await stepaside(['invalidate', '--undo', first!.key], { cwd: w.cwd });
  await stepaside(['pin', first!.key], { cwd: w.cwd });
  expect((await gc('--dry-run')).expired).toEqual([]);
  await stepaside(['pin', '--undo', first!.key], { cwd: w.cwd });
  expect((await gc()).expired).toMatchObject([{ step: 'train', key: first!.key }]);
  // With the grace over, what they alone named goes.
  const { doomed } = await gc('--older-than', '0s');
  expect(doomed.filter(({ kind }) => kind === 'artifact').map(({ why }) => why)).toContainEqual(
    expect.stringMatching(
      /^the record of train \(blake3-.*\) was given up .* ago: expired: no rule keeps it \(train, keepLast 2: 2 are newer\)$/,
    ),
  );
  writeFileSync(w.at('in.txt'), 'a');
  expect(await w.run()).toMatchObject({ train: expect.stringMatching(/^ran/) });
  writeFileSync(w.at('in.txt'), 'b');
  expect(await w.run()).toMatchObject({ train: 'avoided kept-artifact' });
}, 60_000);

it('a rule that is none is refused with its place, before anything is removed', async () => {
  const w = workflow();
  await w.run();
  writeFileSync(w.at('stepaside.config.yaml'), 'retention:\n  keepLast: 0\n  keepFor: 1y\n');
  const { code, stderr } = await stepaside(['gc', '--older-than', '0s'], { cwd: w.cwd });
  expect(code).toBe(2);
  expect(stderr).toMatch(/stepaside\.config\.yaml:2:13 +.*keepLast/);
  expect(stderr).toMatch(/stepaside\.config\.yaml:3:12 +.*keepFor/);
});

it('what is kept comes back by its bytes, whatever `hash` says of outputs', async () => {
  const w = workflow(`
  - name: train
    run: echo train >> ran; mkdir -p model; echo weights > model/w
    inputs: { files: [in.txt] }
    outputs: [{ path: model/, keep: artifact, hash: never, mode: replace }]
`);
  await w.run();
  w.remove('model');
  expect(await w.run(['--materialize'])).toMatchObject({ code: 0, train: 'avoided kept-artifact' });
  expect(await w.run()).toMatchObject({ code: 0, train: 'avoided parts-match' });
  expect(w.read('model/w')).toBe('weights\n');
  expect(w.read('ran')).toBe('train\n');
});

it.skipIf(process.getuid?.() !== 0)(
  'a kept output that is a mount of its own comes back, and what it held goes to its trash',
  async () => {
    const w = workflow(`
  - name: train
    run: echo train >> ran; cp in.txt model/w
    inputs: { files: [in.txt] }
    outputs: [{ path: model/, keep: artifact, mode: replace }]
`);
    mkdirSync(w.at('model'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=10m', 'tmpfs', w.at('model')]);
    try {
      await w.run();
      writeFileSync(w.at('in.txt'), 'b');
      await w.run();
      writeFileSync(w.at('in.txt'), 'a');
      expect(await w.run()).toMatchObject({ code: 0, train: 'avoided kept-artifact' });
      expect(w.read('model/w')).toBe('a');
      const [kept] = readdirSync(w.at('model/.stepaside-tmp-trash'));
      expect(w.read(`model/.stepaside-tmp-trash/${kept}/w`)).toBe('b');
      expect(await w.run()).toMatchObject({ code: 0, train: 'avoided parts-match' });
      expect(w.read('ran')).toBe('train\ntrain\n');
    } finally {
      execFileSync('umount', [w.at('model')]);
    }
  },
);
