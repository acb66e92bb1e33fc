import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { accountOf, type S3Facts } from '../../rig/s3-server.js';
import { Witness } from '../../rig/sdk.js';
import { type Injection, type Ran, runUnder } from '../run-under.js';
import type { Hand } from './hand.js';
import { type Evidence, freshNames, type Lying } from './oracle.js';
import type { Made, Shape } from './shapes.js';

export interface Tools {
  readonly cli: string;
  readonly strace: string;
  readonly hand: Hand;
  readonly server: S3Facts;
  readonly bucket: string;
}

interface Asked {
  readonly round: number;
  readonly force?: boolean;
  /** While the fault is there, a shape that fails does. */
  readonly fails?: boolean;
  readonly inject?: Injection;
  /** Only watch these calls. */
  readonly watch?: string;
}

const { hash } = createRequire(import.meta.url)('blake3-wasm') as { hash(bytes: Uint8Array): Buffer };
const blake3 = (bytes: Uint8Array) => `blake3-${hash(bytes).toString('hex')}`;

/** A folder, and on S3 a prefix, where the real command publishes one shape, round after round. */
export class Workshop {
  readonly id = randomBytes(5).toString('hex');
  readonly folder = mkdtempSync(join(tmpdir(), 'stepaside-publish-'));
  readonly shape: Shape;
  readonly onS3: boolean;
  readonly lines: string[] = [];
  /** Faults so far. */
  suffered = 0;
  readonly #tools: Tools;
  readonly #witness: Witness | undefined;
  /** What an object held, by key: bytes with the same tag need not be fetched again. */
  readonly #known = new Map<string, { readonly etag: string; readonly text: string }>();

  private constructor(shape: Shape, onS3: boolean, tools: Tools) {
    this.shape = shape;
    this.onS3 = onS3;
    this.#tools = tools;
    if (onS3) this.#witness = new Witness(tools.server, tools.bucket);
  }

  static async open(shape: Shape, onS3: boolean, tools: Tools): Promise<Workshop> {
    const shop = new Workshop(shape, onS3, tools);
    const run = (step: string) => `[bash, ${step}.sh]`;
    const base = onS3 ? `s3://${tools.bucket}/${shop.id}/` : '';
    if (shape.workflow) writeFileSync(join(shop.folder, 'stepaside.yaml'), shape.workflow(base, run));
    for (const step of shape.steps) writeFileSync(join(shop.folder, `${step}.sh`), shop.#script(step));
    if (!onS3) return shop;
    tools.hand.serve(shop.id, (step, nonce, fails) => shop.#make(step, nonce, fails));
    // The race for put-if-absent is another campaign's matter.
    const note = { v: 1, at: Date.now(), exclusive: true, findings: [] };
    await shop.#witness!.put(`${shop.id}/cache/v1/probed`, Buffer.from(`${JSON.stringify(note)}\n`));
    return shop;
  }

  close(): void {
    this.#tools.hand.forget(this.id);
    this.#witness?.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** The real command, under strace if something is to be done to it. Ends when its orphans have ended, too. */
  run({ round, force = false, fails = false, inject, watch }: Asked): Promise<Ran> {
    const { cli, strace, hand, server, bucket } = this.#tools;
    writeFileSync(join(this.folder, 'input'), `${round}\n`);
    const words = this.shape.exec
      ? ['exec', '--json', ...this.shape.exec(this.onS3 ? `s3://${bucket}/${this.id}/` : '')]
      : ['run', '--json', '-p', `round=${round}`];
    if (this.shape.exec) words.push('--key', String(round));
    if (force) words.push('--force');
    if (this.shape.exec) words.push('--', 'bash', 'exec.sh');
    if (inject) this.suffered += 1;
    return runUnder([process.execPath, cli, ...words], {
      ...{ strace, folder: this.folder, inject, watch },
      env: {
        ...accountOf(server),
        ...(this.onS3 ? { STEPASIDE_CACHE: `s3://${bucket}/${this.id}/cache` } : {}),
        ...{ HAND: String(hand.port), FAILS: fails && this.shape.fails ? 'yes' : '' },
      },
    });
  }

  async evidence(): Promise<Evidence> {
    const names = this.onS3 ? await this.#objects() : this.#files();
    const cache = this.onS3 ? 'cache/' : '.stepaside/';
    const logs = new Map<string, Map<number, string>>();
    const objects = new Map<string, { text: string; intact: boolean }>();
    const places = new Map<string, Map<string, Lying>>();
    for (const { path } of this.shape.made) places.set(path, new Map());
    for (const [name, lying] of names.found) {
      if (name.startsWith(cache)) {
        const [, log, slot] = SLOT.exec(name) ?? [];
        if (log !== undefined) logs.set(log, (logs.get(log) ?? new Map()).set(Number(slot), lying().text));
        const [, object] = OBJECT.exec(name) ?? [];
        const text = object === undefined ? '' : lying().text;
        if (object !== undefined) objects.set(object, { text, intact: blake3(Buffer.from(text)) === object });
        continue;
      }
      const path = this.shape.made.find((made) => name === made.path || (isTree(made) && name.startsWith(made.path)));
      if (path) places.get(path.path)!.set(name.slice(path.path.length), lying());
    }
    return { logs, objects, places, lines: this.#told(), overwritten: names.overwritten };
  }

  /** Temporary files that the dead left, in the cache and at the outputs. */
  litter(): number {
    if (this.onS3) return 0;
    const all = readdirSync(this.folder, { recursive: true, encoding: 'utf8' });
    return all.filter((name) => name.includes('.stepaside-tmp-')).length;
  }

  #told(): readonly string[] {
    if (this.onS3) return [...this.lines];
    return textOf(join(this.folder, 'lines')).split('\n').filter(Boolean);
  }

  #files() {
    const found = new Map<string, () => Lying>();
    for (const entry of readdirSync(this.folder, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (!entry.isFile() || entry.name.startsWith('.stepaside-tmp-')) continue;
      found.set(path.slice(this.folder.length + 1), () => {
        const bytes = readFileSync(path);
        const { mtimeNs, ino } = statSync(path, { bigint: true });
        return {
          ...{ size: bytes.length, text: bytes.toString(), digest: blake3(bytes) },
          ...{ mtimeNs: String(mtimeNs), inode: String(ino) },
        };
      });
    }
    return { found, overwritten: [] as string[] };
  }

  async #objects() {
    const overwritten: string[] = [];
    const prefix = `${this.id}/`;
    const listed = await this.#witness!.list(prefix);
    await Promise.all(
      listed.map(async ({ key, etag }) => {
        const known = this.#known.get(key);
        if (known?.etag === etag) return;
        if (known && SLOT.test(key)) overwritten.push(key);
        const body = (await this.#witness!.get(key))?.body ?? [];
        this.#known.set(key, { etag, text: Buffer.from(body).toString() });
      }),
    );
    const found = new Map(
      listed.map(({ key, size, etag }) => [
        key.slice(prefix.length),
        () => ({ size, etag, text: this.#known.get(key)!.text }),
      ]),
    );
    return { found, overwritten };
  }

  /** What a step does, as a script: in a folder by itself, on S3 by the hand. */
  #script(step: string): string {
    const made = this.shape.made.filter((one) => one.step === step);
    const sleep = this.shape.slow ? 'sleep 0.2\n' : '';
    if (this.onS3)
      return `${sleep}exec 3<>/dev/tcp/127.0.0.1/$HAND
echo "${this.id} ${step} $STEPASIDE_RUN.$$ $FAILS" >&3
read -r code <&3
exit "\${code:-9}"
`;
    const markers = made.flatMap(({ path, marker }) => (marker ? [`${path}${marker.name}`] : []));
    const looks = markers.map(
      (name) =>
        `if [ -e ${name} ]; then t=; read -r t < ${name}; case $t in *'"running"'*) m=claim;; *) m=finished;; esac; fi\n`,
    );
    const writes = made.map((one) => {
      const [first, ...more] = one.parts === 'fresh' ? freshNames('$n') : one.parts;
      // Its calls are counted as ours are, and so may fail as well: a command that cannot write must not say that it has.
      const write = (name: string) => `echo "$n ${name === '' ? one.path : name}" > "${one.path}${name}" || exit 8\n`;
      const tree = isTree(one) ? `[ -d ${one.path} ] || mkdir ${one.path} || exit 8\n` : '';
      const mark = one.marker?.holds === 'nothing' ? `: > ${one.path}${one.marker.name} || exit 8\n` : '';
      return `${tree}${write(first!)}${this.#failure()}${more.map(write).join('')}${mark}`;
    });
    return `n=$STEPASIDE_RUN.$$
m=none
${looks.join('')}echo "begin ${step} $n $m" >> lines || exit 8
${sleep}${writes.join('')}echo "end ${step} $n" >> lines || exit 8
`;
  }

  /** A step that is tried again fails the first time only. */
  #failure(): string {
    if (!this.shape.fails) return '';
    const again = this.shape.name === 'retried' ? ' && [ ! -e "tried.$STEPASIDE_RUN" ]' : '';
    return `if [ -n "$FAILS" ]${again}; then : > "tried.$STEPASIDE_RUN"; exit 3; fi\n`;
  }

  /** The same on S3, done for the script by this process. */
  async #make(step: string, nonce: string, fails: boolean): Promise<number> {
    const witness = this.#witness!;
    const made = this.shape.made.filter((one) => one.step === step);
    let state = 'none';
    for (const { path, marker } of made) {
      const found = marker && (await witness.get(`${this.id}/${path}${marker.name}`));
      if (found) state = Buffer.from(found.body).toString().includes('"running"') ? 'claim' : 'finished';
    }
    this.lines.push(`begin ${step} ${nonce} ${state}`);
    const run = nonce.split('.', 1)[0]!;
    const isFirst = !this.lines.some((line) => line === `tried ${run}`);
    for (const one of made) {
      const [first, ...more] = one.parts === 'fresh' ? freshNames(nonce) : one.parts;
      const write = (name: string) =>
        witness.put(`${this.id}/${one.path}${name}`, Buffer.from(`${nonce} ${name === '' ? one.path : name}\n`));
      await write(first!);
      if (fails && (this.shape.name !== 'retried' || isFirst)) {
        this.lines.push(`tried ${run}`);
        return 3;
      }
      await Promise.all(more.map(write));
      if (one.marker?.holds === 'nothing') await witness.put(`${this.id}/${one.path}${one.marker.name}`, Buffer.of());
    }
    this.lines.push(`end ${step} ${nonce}`);
    return 0;
  }
}

const SLOT = /(v1\/(?:keys|places)\/.*)\/([0-9]{8})$/;
const OBJECT = /v1\/objects\/[^/]*\/([^/]*)$/;

function isTree({ path }: Made): boolean {
  return path.endsWith('/');
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
