import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { intBelow, randomFrom } from '../conformance/random.js';
import { ownBuild } from '../rig/own-build.js';
import { accountOf, type S3Facts } from '../rig/s3-server.js';
import type { CampaignOptions, Tally } from './campaign.js';
import { CARRIERS, type Carrier, KEY_THERE } from './f10-carriers.js';

/** The long form: commands. */
export const points = 600;

const PATIENCE_MS = 30_000;
const LANES = 2;

interface Found {
  points: number;
  wrong: number;
  readonly examples: string[];
  readonly byCarrier: Record<string, number>;
  readonly byCommand: Record<string, number>;
}

/** F10 of LIMITS: a secret comes in by every door there is, and no byte that the real command says or writes repeats it. */
export async function campaign({ points, seed, server }: CampaignOptions): Promise<Tally> {
  const random = randomFrom(seed);
  const found: Found = { points: 0, wrong: 0, examples: [], byCarrier: {}, byCommand: {} };
  const built = await ownBuild(__SABOTAGE__);
  // The plainest one first, then from another one each time: a short form meets all of them sooner or later.
  const begin = 1 + intBelow(random, CARRIERS.length - 1);
  const order = [CARRIERS[0]!, ...CARRIERS.slice(begin), ...CARRIERS.slice(1, begin)];
  let turn = 0;
  const lane = async () => {
    while (found.points < points) {
      const carrier = order[turn++ % order.length]!;
      await carry(carrier, { random, server, cli: built.cli, points }, found);
    }
  };
  try {
    await Promise.all(Array.from({ length: LANES }, lane));
  } finally {
    built.remove();
  }
  return { ...found, injected: found.points, lost: 0, examples: found.examples.slice(0, 40) };
}

interface Setting {
  readonly random: () => number;
  readonly server: S3Facts;
  readonly cli: string;
  readonly points: number;
}

/** One folder, one canary, all its commands one after the other: the later ones tell of what the earlier ones left. */
async function carry(carrier: Carrier, { random, server, cli, points }: Setting, found: Found): Promise<void> {
  const canary = canaryOf(random, carrier.odd ?? '');
  const folder = mkdtempSync(join(tmpdir(), 'stepaside-canary-'));
  const { files, env = {}, commands } = carrier.open({ canary, server, folder });
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  try {
    let key = 'blake3-0';
    for (const written of commands) {
      const words = written.map((word) => (word === KEY_THERE ? key : word));
      if (found.points >= points) return;
      found.points += 1;
      found.byCarrier[carrier.name] = (found.byCarrier[carrier.name] ?? 0) + 1;
      found.byCommand[words[0]!] = (found.byCommand[words[0]!] ?? 0) + 1;
      const said = await run(cli, words, { folder, env: { ...accountOf(server), ...env } });
      key = /blake3-[0-9a-f]{64}/.exec(said.stdout)?.[0] ?? key;
      const bad = (what: string) => {
        found.wrong += 1;
        found.examples.push(`${carrier.name}, ${shown(words, canary)}: ${what}`);
      };
      if (said.hung) bad('it hangs');
      if (said.stderr.includes('this is a bug')) bad(said.stderr.slice(0, 800));
      const left = readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((entry) => {
        const path = join(entry.parentPath, entry.name);
        const name = path.slice(folder.length + 1);
        return !entry.isFile() || name in files ? [] : [[name, readFileSync(path, 'latin1')] as const];
      });
      const names = left.map(([name]) => name).join('\n');
      const all = [['stdout', said.stdout], ['stderr', said.stderr], ['a name of a file', names], ...left] as const;
      for (const [where, text] of all) {
        const form = formsOf(canary).find((one) => text.includes(one));
        if (form === undefined) continue;
        const at = text.indexOf(form);
        bad(`${where} repeats it: ${shown([text.slice(Math.max(0, at - 120), at + form.length + 40)], canary)}`);
        // Told once: what stands in a file stands there after the next command, too.
        if (where !== 'stdout' && where !== 'stderr') return;
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Long enough that nothing holds it by chance. */
function canaryOf(random: () => number, odd: string): string {
  const letters = Array.from({ length: 20 }, () => 'abcdefghjkmnpqrstuvwxyz23456789'[intBelow(random, 31)]).join('');
  return `Canary${odd}${letters}`;
}

/** Itself, and as it looks in URLs, in JSON, in base64 wherever it begins there. */
function formsOf(canary: string): readonly string[] {
  const bytes = Buffer.from(canary);
  const shifted = [0, 1, 2].map((shift) =>
    // Without the characters at both ends that depend on what stands beside it.
    Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .replace(/=+$/, '')
      .slice(shift + 1, -2),
  );
  const forms = [
    ...[canary, bytes.toString('latin1'), encodeURIComponent(canary), encodeURI(canary)],
    ...[JSON.stringify(canary).slice(1, -1), bytes.toString('hex')],
    ...canary.split('\n'),
    ...shifted.flatMap((text) => [text, text.replaceAll('+', '-').replaceAll('/', '_')]),
  ];
  return [...new Set(forms)].filter((form) => form.length > 8);
}

/** The report of a failed campaign is no place for it, either. */
function shown(words: readonly string[], canary: string): string {
  return formsOf(canary).reduce((text, form) => text.replaceAll(form, 'CANARY'), words.join(' '));
}

interface Said {
  readonly stdout: string;
  readonly stderr: string;
  readonly hung: boolean;
}

function run(
  cli: string,
  words: readonly string[],
  { folder, env }: { readonly folder: string; readonly env: Readonly<Record<string, string>> },
): Promise<Said> {
  const clean = { PATH: process.env['PATH'] ?? '', HOME: folder, ...env };
  const child = spawn(process.execPath, [cli, ...words], {
    cwd: folder,
    env: clean,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return new Promise((done, fail) => {
    let [stdout, stderr, hung] = ['', '', false];
    child.stdout.setEncoding('latin1').on('data', (piece: string) => {
      stdout += piece;
    });
    child.stderr.setEncoding('latin1').on('data', (piece: string) => {
      stderr += piece;
    });
    child.on('error', fail);
    const impatient = setTimeout(() => {
      hung = true;
      child.kill('SIGKILL');
    }, PATIENCE_MS);
    child.on('close', () => {
      clearTimeout(impatient);
      done({ stdout, stderr, hung });
    });
  });
}
