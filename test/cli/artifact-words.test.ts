import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { fileTrouble } from '../../src/artifacts/file-trouble.js';
import { openStatIndex } from '../../src/artifacts/stat-index.js';
import { progressLine } from '../../src/cli/progress.js';
import { blake3 } from '../../src/hash.js';
import { folderWith, startStepaside, stepaside } from '../rig/cli.js';

const cli = resolve(import.meta.dirname, '../../dist/stepaside.cjs');
const WHOLE = `blake3-${'0'.repeat(64)}`;

interface Put {
  readonly path: string;
  readonly digest: string;
}

/** Folders by these names, each of one file, stored. */
async function stored(...names: string[]) {
  const cwd = folderWith(Object.fromEntries(names.map((name) => [`${name}/f`, `in ${name}`])));
  const say = (...words: string[]) => stepaside(words, { cwd });
  const artifacts = names.length === 0 ? [] : (await say('artifact', 'put', ...names, '--json')).json()['artifacts'];
  const digests = (artifacts as Put[]).map(({ digest }) => digest);
  const rootFile = (digest: string) => join(cwd, '.stepaside/v1/artifacts', digest.slice(7, 8), digest);
  return { cwd, say, digests, rootFile, at: (name: string) => join(cwd, name) };
}

function turnBit(file: string): void {
  const bytes = fs.readFileSync(file);
  bytes[0]! ^= 1;
  fs.writeFileSync(file, bytes);
}

/** Until a writer shows itself in the cache: by then signals are listened to. */
async function untilBegun(cwd: string): Promise<void> {
  const uploads = join(cwd, '.stepaside/v1/uploads');
  while (!fs.existsSync(uploads) || fs.readdirSync(uploads).length === 0) await wait(10);
}

describe('who stops it', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('%s during a put is no bug, and is told to programs, too', async (name) => {
    const cwd = folderWith({ big: '' });
    // Zeros of which no disk holds any.
    fs.truncateSync(join(cwd, 'big'), 64 * 2 ** 30);
    const { child, ended } = startStepaside(['artifact', 'put', 'big', '--json'], { cwd });
    await untilBegun(cwd);
    child.kill(name);
    const ran = await ended;
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(/^error: interrupted\nhint: {2}nothing was left half.*type it again\n$/);
    expect(ran.json()).toMatchObject({ command: 'artifact put', exitCode: 1, error: { code: 'interrupted' } });
    expect(fs.existsSync(join(cwd, '.stepaside/v1/artifacts'))).toBe(false);
  });

  it('a put that waits for a silent pipe ends as well', async () => {
    const cwd = folderWith();
    const child = spawn(process.execPath, [cli, 'artifact', 'put', '-'], { cwd, stdio: ['pipe', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr.on('data', (piece) => {
      stderr += piece;
    });
    await untilBegun(cwd);
    child.kill('SIGINT');
    const code = await new Promise((done) => child.on('close', done));
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^error: interrupted\n/)]);
  });
});

describe('answers for programs', () => {
  it('an error after a list began ends that document, and there is no second one', async () => {
    const w = await stored('a');
    const ran = await w.say('artifact', 'ls', w.digests[0]!, 'nope', '--json');
    expect(ran.code).toBe(2);
    expect(ran.json()).toMatchObject({
      command: 'artifact ls',
      entries: [{ path: 'f' }],
      exitCode: 2,
      error: { code: 'usage', message: expect.stringContaining('nope') },
    });
  });

  it('has the hint that people get, also of a command that there is not, and is named alike', async () => {
    const { say } = await stored();
    const words = await say('gc', '--older-than', 'soon', '--json');
    expect(words.json()).toMatchObject({ command: 'gc', error: { code: 'usage', hint: 'see stepaside gc --help' } });
    const unknown = await say('foo', '--json');
    expect(unknown).toMatchObject({ code: 2 });
    expect(unknown.json()).toMatchObject({ exitCode: 2, error: { message: 'there is no command foo' } });
    expect((await say('artifact', 'put', '--json')).json()).toMatchObject({ command: 'artifact put' });
    expect((await say('artifact', 'get', 'abc', 'x', '--json')).json()).toMatchObject({ command: 'artifact get' });
    expect((await say('artifact', 'drop', '--json')).json()).toMatchObject({ command: 'artifact' });
  });

  it('stdout holds bytes or a document', async () => {
    const { say, digests } = await stored('a');
    const ran = await say('artifact', 'get', digests[0]!, '-', '--json');
    expect(ran).toMatchObject({ code: 2 });
    expect(ran.json()).toMatchObject({ error: { message: expect.stringContaining('stdout cannot hold both') } });
  });

  it('a stdout that takes nothing is told', async () => {
    const { cwd } = await stored('a');
    const full = fs.openSync('/dev/full', 'w');
    const ran = spawnSync(process.execPath, [cli, 'artifact', 'ls', '--json'], {
      cwd,
      stdio: ['ignore', full, 'pipe'],
      encoding: 'utf8',
    });
    fs.closeSync(full);
    expect([ran.status, ran.stderr]).toEqual([1, 'error: cannot write to stdout: ENOSPC\n']);
  });

  it('a stderr that takes nothing changes no answer', async () => {
    const { cwd } = await stored('a');
    const full = fs.openSync('/dev/full', 'w');
    const ran = spawnSync(process.execPath, [cli, 'artifact', 'get', 'abc', 'out'], {
      cwd,
      stdio: ['ignore', 'pipe', full],
    });
    fs.closeSync(full);
    expect(ran.status).toBe(2);
  });

  it('a large answer leaves no listeners behind', async () => {
    const cwd = folderWith();
    fs.writeFileSync(join(cwd, 'large'), Buffer.alloc(100 * 2 ** 20));
    const digest = (await stepaside(['artifact', 'put', 'large'], { cwd })).stdout.slice(0, 71);
    const ran = spawnSync(process.execPath, [cli, 'artifact', 'get', digest, '-'], { cwd, maxBuffer: 2 ** 28 });
    expect([ran.status, ran.stdout.byteLength, ran.stderr.toString()]).toEqual([0, 100 * 2 ** 20, '']);
  });
});

describe('one that is damaged', () => {
  it('is listed among the others, and not counted by du', async () => {
    const w = await stored('a', 'b', 'c');
    turnBit(w.rootFile(w.digests[1]!));
    const ls = await w.say('artifact', 'ls');
    expect(ls.code).toBe(3);
    expect(ls.stdout.split('\n').length - 1).toBe(3);
    expect(ls.stdout).toContain(`${w.digests[1]!.slice(0, 19)}  damaged  the bytes stored as`);
    expect(ls.stderr).toMatch(/1 artifact is damaged\nhint: {2}stepaside verify --mend/);
    const json = (await w.say('artifact', 'ls', '--json')).json();
    expect(json).toMatchObject({ exitCode: 3, damaged: 1 });
    expect(json['artifacts']).toContainEqual({
      digest: w.digests[1],
      putAt: expect.any(Number),
      error: { code: 'integrity/digest', message: expect.any(String) },
    });
    const du = await w.say('artifact', 'du', '--json');
    expect(du.json()).toMatchObject({ exitCode: 3, artifacts: 2, damaged: 1 });
    expect(await w.say('artifact', 'du')).toMatchObject({ code: 3 });
  });

  it('is named by get and ls, with what can be done; verify --mend says why it did not', async () => {
    const w = await stored('a');
    const packs = w.at('.stepaside/v1/packs');
    for (const name of fs.readdirSync(packs)) fs.rmSync(join(packs, name));
    for (const words of [['get', w.digests[0]!, 'out'] as const, ['ls', w.digests[0]!] as const]) {
      const ran = await w.say('artifact', ...words);
      expect(ran.code).toBe(3);
      expect(ran.stderr).toMatch(new RegExp(`^error: the artifact ${w.digests[0]} is broken: `));
      expect(ran.stderr).toMatch(/hint: {2}stepaside verify --mend stores it anew/);
    }
    const mended = await w.say('verify', '--mend');
    expect(mended).toMatchObject({ code: 1 });
    expect(mended.stdout).toMatch(/^broken .*; no record says where it still lies: put it again$/m);
    expect((await w.say('verify')).stdout).not.toContain('put it again');
  });

  it('an artifact with links is not broken', async () => {
    const w = await stored('a');
    fs.symlinkSync('f', w.at('a/l'));
    const put = await w.say('artifact', 'put', 'a', '--links');
    const got = await w.say('artifact', 'get', put.stdout.split(' ')[0]!, 'out');
    expect(got.stderr).toMatch(/holds 1 symbolic links[\s\S]*--links/);
    expect(got.stderr).not.toContain('broken');
  });
});

describe('what cannot be put', () => {
  it('keeps nothing else from being put', async () => {
    const w = await stored('a', 'b');
    const ran = await w.say('artifact', 'put', 'a', 'nope', 'b');
    expect(ran).toMatchObject({ code: 2, stdout: `${w.digests[0]}  a\n${w.digests[1]}  b\n` });
    expect(ran.stderr).toMatch(/^error: there is no nope$/m);
    const json = (await w.say('artifact', 'put', 'nope', 'b', '--json')).json();
    expect(json).toMatchObject({
      command: 'artifact put',
      exitCode: 2,
      artifacts: [{ path: 'nope', error: { code: 'usage', message: 'there is no nope' } }, { digest: w.digests[1] }],
    });
    // A link is refused with 3, which is worse.
    fs.symlinkSync('f', w.at('a/l'));
    expect(await w.say('artifact', 'put', 'nope', 'a')).toMatchObject({ code: 3 });
  });

  it('is the folder of the cache, and whatever it lies in', async () => {
    const w = await stored('a');
    for (const word of ['.', '.stepaside']) {
      const ran = await w.say('artifact', 'put', word);
      expect(ran).toMatchObject({ code: 2, stdout: '' });
      expect(ran.stderr).toMatch(
        /lies in .*stored in itself\nhint: {2}name what to keep, or a cache elsewhere by --cache/,
      );
    }
    fs.symlinkSync(w.cwd, w.at('around'));
    expect(await w.say('artifact', 'put', 'around')).toMatchObject({ code: 2 });
    const elsewhere = join(folderWith(), 'cache');
    expect(await w.say('artifact', 'put', 'a', '--cache', elsewhere)).toMatchObject({ code: 0 });
    expect(await w.say('artifact', 'put', 's3://b/', '--cache', 's3://b/cache')).not.toMatchObject({ code: 0 });
  });

  it('is a file by the name of a folder, or a name that is not UTF-8', async () => {
    const w = await stored('a');
    const slash = await w.say('artifact', 'put', 'a/f/');
    expect(slash).toMatchObject({ code: 2 });
    expect(slash.stderr).toMatch(/a\/f\/ is a file, no folder/);
    expect(await w.say('artifact', 'put', 'a/f/below')).toMatchObject({ code: 2 });
    for (const name of ['file-\xff', 'folder-\xff']) {
      const made = w.at(name.slice(0, -2));
      fs.mkdirSync(made);
      const odd = Buffer.concat([Buffer.from(`${made}/`), Buffer.from(name, 'latin1')]);
      if (name.startsWith('file')) fs.writeFileSync(odd, '');
      else fs.mkdirSync(odd);
      const ran = await w.say('artifact', 'put', name.slice(0, -2));
      expect(ran).toMatchObject({ code: 3 });
      expect(ran.stderr).toMatch(/its name is not UTF-8 and cannot be kept \[integrity\/list\]/);
    }
  });

  it('a single file goes to no place that ends in a slash', async () => {
    const w = await stored('a');
    const [digest] = (await w.say('artifact', 'put', 'a/f')).stdout.split(' ');
    const ran = await w.say('artifact', 'get', digest!, 'nodir/');
    expect(ran).toMatchObject({ code: 2 });
    expect(ran.stderr).toMatch(/a single file needs a place that does not end in "\/"/);
    expect(fs.existsSync(w.at('nodir'))).toBe(false);
  });
});

describe('volumes', () => {
  it('are put from and got to where they are mounted, and refused elsewhere', async () => {
    const w = await stored('mnt/a');
    fs.writeFileSync(w.at('stepaside.config.yaml'), 'stores: { "pvc://data": { mount: mnt } }\n');
    const put = await w.say('artifact', 'put', 'pvc://data/a');
    expect(put).toMatchObject({ code: 0, stdout: `${w.digests[0]}  pvc://data/a\n` });
    expect(await w.say('artifact', 'get', w.digests[0]!, 'pvc://data/b/c/')).toMatchObject({ code: 0 });
    expect(fs.readFileSync(w.at('mnt/b/c/f'), 'utf8')).toBe('in mnt/a');
    expect(await w.say('artifact', 'put', 'pvc://data/nope')).toMatchObject({ code: 2 });
    for (const words of [['put', 'pvc://other/a'] as const, ['get', w.digests[0]!, 'pvc://other/a'] as const]) {
      const ran = await w.say('artifact', ...words);
      expect(ran).toMatchObject({ code: 2 });
      expect(ran.stderr).toMatch(/\[config\/unmapped-volume\]\nhint: {2}add to stepaside\.config\.yaml/);
    }
    expect(fs.readdirSync(w.cwd).sort()).toEqual(['.stepaside', 'mnt', 'stepaside.config.yaml']);
  });

  it('nothing is put back where a volume ought to be mounted and is not', async () => {
    const w = await stored('a');
    fs.writeFileSync(w.at('stepaside.config.yaml'), 'stores: { "pvc://data": { mount: mnt } }\n');
    fs.mkdirSync(w.at('mnt'));
    expect(await w.say('artifact', 'get', w.digests[0]!, 'pvc://data/b/')).toMatchObject({ code: 3 });
    expect(await w.say('artifact', 'put', 'pvc://data/b/')).toMatchObject({ code: 3 });
    expect(fs.readdirSync(w.at('mnt'))).toEqual([]);
  });
});

describe('a cache', () => {
  it('that is a file is refused in one way', async () => {
    const w = await stored('a');
    fs.writeFileSync(w.at('file'), '');
    for (const words of [
      ['artifact', 'put', 'a'],
      ['artifact', 'get', w.digests[0]!, 'x'],
      ['artifact', 'ls'],
      ['artifact', 'du'],
      ['verify'],
      ['gc'],
    ]) {
      const ran = await w.say(...words, '--cache', 'file');
      expect(ran).toMatchObject({ code: 2, stdout: '' });
      expect(ran.stderr).toContain(`error: the cache ${w.at('file')} is a file, no folder`);
    }
  });

  it('that cannot be made, or lies on a volume and is not made yet, is no bug', async () => {
    const w = await stored('a', 'mnt/x');
    fs.writeFileSync(w.at('stepaside.config.yaml'), 'stores: { "pvc://data": { mount: mnt } }\n');
    fs.writeFileSync(w.at('file'), '');
    const refused = await w.say('artifact', 'put', 'a', '--cache', 'file/below');
    expect(refused).toMatchObject({ code: 3, stdout: '' });
    expect(refused.stderr).not.toContain('bug');
    expect(await w.say('artifact', 'put', 'a', '--cache', 'pvc://data/cache')).toMatchObject({ code: 0 });
    expect(await w.say('artifact', 'put', 'mnt', '--cache', 'pvc://data/cache')).toMatchObject({ code: 2 });
  });

  it('that is not there is told: verify proves nothing by it', async () => {
    const { cwd, say } = await stored();
    const where = `there is no cache at ${join(cwd, '.stepaside')}`;
    const verify = await say('verify');
    expect(verify).toMatchObject({ code: 3, stdout: '' });
    expect(verify.stderr).toContain(where);
    for (const verb of ['ls', 'du']) {
      const ran = await say('artifact', verb);
      expect(ran.code).toBe(0);
      expect(ran.stderr).toContain(where);
    }
    const get = await say('artifact', 'get', 'abc', 'x');
    expect(get.stderr).toContain(`no artifact has the digest abc in ${join(cwd, '.stepaside')}`);
    expect(fs.readdirSync(cwd)).toEqual([]);
  });

  it('in which no artifact has that digest, however much of it is given', async () => {
    const { say } = await stored('a');
    for (const words of [
      ['artifact', 'get', WHOLE, 'x'],
      ['artifact', 'get', '0000', 'x'],
      ['artifact', 'ls', WHOLE],
      ['gc', '--keep', WHOLE],
    ]) {
      const ran = await say(...words);
      expect(ran).toMatchObject({ code: 2 });
      expect(ran.stderr).toMatch(/no artifact has the digest .*\nhint: {2}see stepaside artifact ls/);
    }
  });
});

describe('words', () => {
  it.each([
    ['gc', 'extra'],
    ['verify', 'extra'],
    ['artifact', 'du', 'extra'],
    ['completion', 'bash', 'extra'],
  ])('%s takes none of them: %s', async (...words) => {
    const { say } = await stored();
    const ran = await say(...words);
    expect(ran).toMatchObject({ code: 2, stdout: '' });
    expect(ran.stderr).toMatch(/takes no (more )?words.*extra/);
  });

  it('put and its help tell how long what was put stays', async () => {
    const { say } = await stored('a');
    const said = /no record names.* is removed by gc 30 days after it was put/;
    expect((await say('artifact', 'put', 'a')).stderr).toMatch(said);
    expect((await say('artifact', 'put', '--help')).stdout).toMatch(said);
  });

  it("a step's name where a key is wanted", async () => {
    const cwd = folderWith({ 'stepaside.yaml': 'name: w\nsteps: [{ name: train, run: "true" }]\n' });
    expect((await stepaside(['pin', 'train'], { cwd })).stderr).toContain('--step train');
    expect((await stepaside(['show', 'train'], { cwd })).stderr).toContain('stepaside ls train');
    expect((await stepaside(['pin', 'other'], { cwd })).stderr).toContain('see stepaside ls');
  });
});

describe('trouble with files', () => {
  const failing = (act: () => unknown): Error => {
    try {
      act();
    } catch (error) {
      try {
        fileTrouble(error);
      } catch (told) {
        return told as Error;
      }
    }
    throw new Error('nothing failed');
  };

  it('names the path once, in words, and no name of ours', () => {
    const cwd = folderWith();
    expect(failing(() => fs.statSync(join(cwd, 'x'))).message).toBe(`${cwd}/x: no such file or directory (ENOENT)`);
    const own = join(cwd, 'deep/.stepaside-tmp-1-ab/new/x');
    expect(failing(() => fs.openSync(own, 'r')).message).toBe(`${cwd}/deep: no such file or directory (ENOENT)`);
  });

  it('a disk that refuses the index of what was read costs no put', async () => {
    const w = await stored('a');
    fs.rmSync(w.at('.stepaside/stats'), { recursive: true });
    fs.writeFileSync(w.at('.stepaside/stats'), 'no folder');
    fs.mkdirSync(w.at('b'));
    for (let i = 0; i < 1100; i++) fs.writeFileSync(w.at(`b/${i}`), `${i}`);
    // Older than what could be changed again within a moment: more than a page of them is noted.
    for (let i = 0; i < 1100; i++) fs.utimesSync(w.at(`b/${i}`), 1, 1);
    await wait(2600);
    expect(await w.say('artifact', 'put', 'b')).toMatchObject({ code: 0, stderr: expect.stringMatching(/1100 files/) });
  });

  it('an index that cannot be removed hides no other error', () => {
    const cwd = folderWith({ file: '' });
    const index = openStatIndex({ file: join(cwd, 'file/below'), hash: blake3(), of: 'x' });
    expect(() => index.close()).not.toThrow();
  });
});

describe('an option', () => {
  it('that the verb does not know, or that would do nothing, is refused', async () => {
    const w = await stored('a');
    const digest = w.digests[0]!;
    const refused: readonly (readonly [RegExp, ...string[]])[] = [
      [/artifact put knows no --only/, 'artifact', 'put', 'a', '--only', 'f'],
      [/artifact put knows no --replace/, 'artifact', 'put', 'a', '--replace'],
      [/artifact get knows no --strict/, 'artifact', 'get', digest, 'out', '--strict'],
      [/artifact get knows no --marker/, 'artifact', 'get', digest, 'out', '--marker', 'x'],
      [/artifact ls knows no --pin/, 'artifact', 'ls', '--pin'],
      [/--only means nothing for stdout/, 'artifact', 'get', digest, '-', '--only', 'f'],
      [/an empty digest names nothing/, 'artifact', 'get', '', 'out'],
      [/--budget is about bytes, and none would be read/, 'verify', '--budget', '1MiB'],
      [/--after is about bytes, and none would be read/, 'verify', '--after', 'v1/packs/x'],
      [/--after zzz: no object of the store begins so/, 'verify', '--full', '--after', 'zzz'],
    ];
    for (const [said, ...words] of refused)
      expect(await w.say(...words), words.join(' ')).toMatchObject({
        code: 2,
        stdout: '',
        stderr: expect.stringMatching(said),
      });
    expect(fs.existsSync(w.at('out'))).toBe(false);
    expect(await w.say('verify', '--full', '--budget', '1MiB')).toMatchObject({ code: 0 });
  });
});

it('progress tells what was there by what was found there, not by what is still on its way', () => {
  const tally = { files: 2, bytes: 3 * 2 ** 20, storedBytes: 0, thereBytes: 2 ** 20, totalBytes: 6 * 2 ** 20 };
  expect(progressLine('put', tally, 1000)).toBe(
    'put  [============            ] 50%  3.0 MiB of 6.0 MiB  2 files  3.0 MiB/s  1.0 MiB were there',
  );
  expect(progressLine('get', tally, 1000)).not.toContain('were there');
});
