import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { folderWith, stepaside } from '../rig/cli.js';

const BAD = `apiVersion: stepaside/v1
kind: Workflow
name: daily
steps:
  - name: clean
    need: [extract]
    run: "true"
    outputs: [ { path: out/ } ]
  - name: clean
    run: "echo {{params.date}}"
    when: { pathNotExists: [ { glob: "x/*" } ] }
`;

describe('validate', () => {
  it('tells every mistake at once, with its place, what is wrong and what to do', async () => {
    const ran = await stepaside(['validate'], { cwd: folderWith({ 'stepaside.yaml': BAD }) });
    expect([ran.code, ran.stdout]).toEqual([2, '']);
    expect(ran.stderr).toMatch(/^stepaside\.yaml:6:5 {2}steps\[0\].*need/m);
    expect(ran.stderr).toMatch(/did you mean "needs"/);
    expect(ran.stderr).toMatch(/^stepaside\.yaml:9:\d+ .*clean/m);
    expect(ran.stderr).toMatch(/^stepaside\.yaml:11:\d+ .*min/m);
    expect(ran.stderr).not.toMatch(/\n\s+at /);
  });

  it('gives the same as data', async () => {
    const ran = await stepaside(['validate', '--json'], { cwd: folderWith({ 'stepaside.yaml': BAD }) });
    const { files, exitCode } = ran.json() as {
      exitCode: number;
      files: { file: string; ok: boolean; issues: { line: number; col: number; code: string }[] }[];
    };
    expect([ran.code, exitCode, files[0]!.ok, ran.stderr]).toEqual([2, 2, false, '']);
    expect(files[0]!.issues[0]).toMatchObject({
      line: 6,
      col: 5,
      code: expect.stringMatching(/^config\//),
      hint: expect.any(String),
    });
  });

  it('warns without failing, and is quiet with -q', async () => {
    const cwd = folderWith({
      'stepaside.yaml':
        'apiVersion: stepaside/v1\nkind: Workflow\nname: x\nparams: { v: 1.10 }\nsteps: [{ name: a, run: "echo {{params.v}}" }]\n',
    });
    const loud = await stepaside(['validate'], { cwd });
    expect([loud.code, loud.stderr]).toEqual([0, expect.stringMatching(/warning: .*1\.1/)]);
    expect((await stepaside(['validate', '-q'], { cwd })).stderr).toBe('');
  });

  it('counts items, and takes several files', async () => {
    const cwd = folderWith({
      'a.yaml':
        'apiVersion: stepaside/v1\nkind: Workflow\nname: a\nsteps: [{ name: s, forEach: { n: { from: 1, to: 1000000 } }, run: "echo {{each.n}}" }]\n',
      'b.yaml': BAD,
    });
    const ran = await stepaside(['validate', 'a.yaml', 'b.yaml'], { cwd });
    expect([ran.code, ran.stdout]).toEqual([2, 'a.yaml: 1 step, 1000000 with their items, no mistakes\n']);
  });

  it('finds mistakes of the config beside it', async () => {
    const cwd = folderWith({
      'stepaside.yaml': 'apiVersion: stepaside/v1\nkind: Workflow\nname: x\nsteps: [{ name: a, run: "true" }]\n',
      'stepaside.config.yaml': 'stores: { "s3://lake": { endpont: "http://x" } }\n',
    });
    const ran = await stepaside(['validate'], { cwd });
    expect([ran.code, ran.stderr]).toEqual([
      2,
      expect.stringMatching(/stepaside\.config\.yaml:1:\d+ .*endpont[\s\S]*endpoint/),
    ]);
  });

  it('does not let names in a file steer the terminal', async () => {
    const cwd = folderWith({
      'stepaside.yaml':
        'apiVersion: stepaside/v1\nkind: Workflow\nname: x\nsteps: [{ name: a, run: "true", "ev\\e[2Jil": 1 }]\n',
    });
    const ran = await stepaside(['validate'], { cwd });
    expect([ran.code, ran.stderr.includes('\u001b')]).toEqual([2, false]);
  });
});

describe('completion', () => {
  it('completes commands, options and shells in bash', async () => {
    const folder = folderWith();
    writeFileSync(join(folder, 'script'), (await stepaside(['completion', 'bash'])).stdout);
    const complete = (...words: string[]) =>
      execFileSync(
        'bash',
        [
          '-c',
          `source ./script; COMP_WORDS=(${words.map((w) => `'${w}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _stepaside; echo "\${COMPREPLY[*]}"`,
        ],
        { cwd: folder, encoding: 'utf8' },
      ).trim();
    expect(complete('stepaside', 'ch')).toBe('check');
    expect(complete('stepaside', 'check', '--mi').split(/\s+/)).toEqual(['--min', '--min-bytes']);
    expect(complete('stepaside', 'completion', 'z')).toBe('zsh');
  });

  it.each(['zsh', 'fish'])('names every command and option for %s', async (shell) => {
    const script = (await stepaside(['completion', shell])).stdout;
    for (const word of ['check', 'doctor', 'key', 'validate', 'completion', 'marker', 'probe', 'json'])
      expect(script).toContain(word);
  });
});
