import { existsSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Ran } from '../run-under.js';
import { Shop, type Tools, treeAt } from './shop.js';

/** One thing that the command does, again and again: what is there before, the words, and what must be true afterwards. */
export interface Scene {
  readonly name: string;
  /** Where the store is. */
  readonly onS3: boolean;
  /** Whether the place is there, too, wherever the store is. */
  readonly placeOnS3?: true;
  open(tools: Tools): Promise<Staged>;
}

export interface Staged {
  readonly shop: Shop;
  /** Makes ready for one more time. */
  readonly ready: (round: number) => Promise<void>;
  readonly words: readonly string[];
  /** What a process that was told so by the command may count on. */
  readonly told?: (ran: Ran) => void;
  /** After the kill, and after whoever came next. */
  readonly judge: (ended: boolean) => Promise<readonly string[]>;
  /** Whoever comes next and must succeed without help; without one, the same words once more. */
  readonly next?: readonly string[];
}

const random = (seed: number, size: number): Buffer => {
  const bytes = Buffer.alloc(size);
  let x = seed * 2_654_435_761 + 1;
  for (let i = 0; i < size; i++) {
    x = (Math.imul(x, 1_103_515_245) + 12_345) >>> 0;
    bytes[i] = x >>> 16;
  }
  return bytes;
};

const KIB = 1024;
const SHARED = random(7, 1100 * KIB);
/** Of two chunks, so with a list. */
const LARGE = Buffer.alloc(8 * 1024 * KIB + 5);

function treeOf(round: number): Record<string, Buffer | string> {
  return {
    'in/a': `a ${round}`,
    'in/sub/b': random(round, 3000),
    'in/sub/copy': `a ${round}`,
    'in/shared': SHARED,
    'in/large': LARGE,
  };
}

async function well(shop: Shop, words: readonly string[]): Promise<Ran> {
  const ran = await shop.run(words, { ready: true });
  if (ran.code !== 0) throw new Error(`${words.join(' ')} does not run: ${ran.code} ${ran.stderr}${ran.stdout}`);
  return ran;
}

const put = (onS3: boolean): Scene => ({
  name: 'put',
  onS3,
  async open(tools) {
    const shop = new Shop(tools, onS3);
    shop.write({ 'first/x': SHARED, 'first/y': 'y' });
    shop.note(await well(shop, ['artifact', 'put', 'first']), 'first');
    return {
      shop,
      ready: async (round) => shop.write(treeOf(round)),
      words: ['artifact', 'put', 'in'],
      told: (ran) => void shop.note(ran, 'in'),
      async judge(ended) {
        const wrong = [...(await shop.wrongs())];
        if (ended && ![...shop.promised.values()].some((rows) => rows.join() === treeAt(shop.at('in')).join()))
          wrong.push('the next put promised nothing');
        return wrong;
      },
    };
  },
});

/** Two of twenty small files live, a large one does not; many small packs and indexes. */
const gc = (onS3: boolean, next?: readonly string[]): Scene => ({
  name: next ? 'gc then put' : 'gc',
  onS3,
  async open(tools) {
    const shop = new Shop(tools, onS3);
    const files = Array.from({ length: 20 }, (_, i) => [`all/${i}`, random(i, 2000)] as const);
    shop.write({ ...Object.fromEntries(files), 'all/dead': random(99, 1200 * KIB), 'in/new': 'new' });
    shop.write({ 'kept/one': random(1, 2000), 'kept/two': random(2, 2000), 'kept/shared': SHARED });
    const small = Array.from({ length: 9 }, (_, i) => `small${i}`);
    for (const [i, name] of small.entries()) shop.write({ [`${name}/f`]: `${i}` });
    const dead = /^blake3-\S+/.exec((await well(shop, ['artifact', 'put', 'all'])).stdout)![0];
    const kept = [
      ...shop.note(await well(shop, ['artifact', 'put', 'kept']), 'kept'),
      ...shop.note(await well(shop, ['artifact', 'put', ...small]), ...small),
    ];
    const restore = await shop.save();
    return {
      shop,
      ready: () => restore(),
      words: ['gc', '--older-than', '0s', ...kept.flatMap((digest) => ['--keep', digest])],
      ...(next && { next }),
      async judge(ended) {
        const wrong = [...(await shop.wrongs())];
        if (!ended || next) return wrong;
        const objects = [...(await shop.objects()).keys()];
        if (objects.some((key) => key.endsWith(dead))) wrong.push('what nothing keeps is still there');
        if (objects.some((key) => key.startsWith('v1/uploads/'))) wrong.push('somebody dead still seems to write');
        return wrong;
      },
    };
  },
});

const STATES = ['none', 'other', 'short'] as const;

const get = (onS3: boolean, state: (typeof STATES)[number]): Scene => ({
  name: `get over ${state}`,
  onS3,
  async open(tools) {
    const shop = new Shop(tools, onS3);
    shop.write(treeOf(1));
    const [digest] = shop.note(await well(shop, ['artifact', 'put', 'in']), 'in');
    const right = treeAt(shop.at('in'));
    const old = new Map<string, Buffer | string>(
      state === 'none'
        ? []
        : state === 'other'
          ? [
              ['out/old', 'old'],
              ['out/a', 'other'],
            ]
          : Object.entries(treeOf(1)).flatMap(([path, bytes]) =>
              path === 'in/large' || path === 'in/sub/b' ? [] : [[path.replace('in/', 'out/'), bytes]],
            ),
    );
    let before: readonly string[] = [];
    return {
      shop,
      async ready() {
        rmSync(shop.at('out'), { recursive: true, force: true });
        shop.write(Object.fromEntries(old));
        before = existsSync(shop.at('out')) ? treeAt(shop.at('out')) : [];
      },
      words: ['artifact', 'get', digest!, 'out', ...(state === 'other' ? ['--replace'] : [])],
      async judge(ended) {
        const wrong = [...(await shop.wrongs())];
        const is = existsSync(shop.at('out')) ? treeAt(shop.at('out')) : [];
        const whole = is.join() === right.join();
        // Filled file by file: what is there is right at any moment, and nothing that was there is gone.
        const filling =
          state === 'short' && is.every((row) => right.includes(row)) && before.every((row) => is.includes(row));
        if (!whole && (ended || !(filling || is.length === 0 || is.join() === before.join())))
          wrong.push(`the target holds ${is.join(', ')}`);
        return wrong;
      },
    };
  },
});

const WORKFLOW = `name: w
steps:
  - name: train
    run: mkdir -p model; echo weights > model/w; echo more > model/x; head -c 1200000 /dev/zero > model/z
    outputs: [{ path: model/, keep: artifact, match: stepaside, mode: replace }]
`;

/** A step whose kept output is gone, or was changed, is put back, and its marker last. */
const kept = (onS3: boolean, damage: 'gone' | 'changed'): Scene => ({
  name: `kept output ${damage}`,
  onS3,
  async open(tools) {
    const shop = new Shop(tools, onS3);
    shop.write({ 'stepaside.yaml': WORKFLOW });
    await well(shop, ['run', '--json']);
    const isRight = () => readFileSync(shop.at('model/w'), 'utf8') === 'weights\n' && existsSync(shop.at('model/x'));
    return {
      shop,
      async ready() {
        if (damage === 'gone') rmSync(shop.at('model'), { recursive: true, force: true });
        else shop.write({ 'model/w': 'changed\n' });
      },
      words: ['run', '--json'],
      async judge(ended) {
        const wrong = [...(await shop.wrongs())];
        const marker = shop.at('model/_stepaside.json');
        const complete = existsSync(marker) && /"state": *"complete"/.test(readFileSync(marker, 'utf8'));
        if (complete && damage === 'gone' && !isRight()) wrong.push('the marker says complete, and it is not');
        if (ended && !(complete && isRight())) wrong.push('the next run did not put it back');
        return wrong;
      },
    };
  },
});

const PRODUCER = (sdk: string, bucket: string, prefix: string) => `
import { createRequire } from 'node:module';
const aws = createRequire(${JSON.stringify(sdk)})(${JSON.stringify(sdk)});
const client = new aws.S3Client({ endpoint: process.env.AWS_ENDPOINT_URL_S3, forcePathStyle: true });
const at = (name) => ({ Bucket: '${bucket}', Key: '${prefix}' + name });
await client.send(new aws.PutObjectCommand({ ...at('w'), Body: 'weights' }));
const { UploadId } = await client.send(new aws.CreateMultipartUploadCommand(at('large')));
const Parts = [];
for (const size of [5 * 2 ** 20, 1000]) {
  const part = { ...at('large'), UploadId, PartNumber: Parts.length + 1, Body: Buffer.alloc(size, 'large ') };
  Parts.push({ PartNumber: part.PartNumber, ETag: (await client.send(new aws.UploadPartCommand(part))).ETag });
}
await client.send(new aws.CompleteMultipartUploadCommand({ ...at('large'), UploadId, MultipartUpload: { Parts } }));
`;

/** Objects that are put back in one piece and in parts, without any marker: an upload that is left would be read as a writer. */
const keptOnS3 = (onS3: boolean): Scene => ({
  name: 'kept objects gone',
  onS3,
  placeOnS3: true,
  async open(tools) {
    const shop = new Shop(tools, onS3);
    const { witness } = shop;
    const prefix = `${shop.id}-out/`;
    const sdk = createRequire(tools.cli).resolve('@aws-sdk/client-s3');
    shop.write({
      'put.mjs': PRODUCER(sdk, tools.bucket, prefix),
      'stepaside.yaml': `name: w
steps:
  - name: train
    run: [${JSON.stringify(process.execPath)}, put.mjs]
    outputs: [{ path: "s3://${tools.bucket}/${prefix}", keep: artifact }]
`,
    });
    await well(shop, ['run', '--json']);
    const right = new Map<string, Uint8Array>();
    for (const { key } of await witness.list(prefix)) right.set(key, (await witness.get(key))!.body);
    if (right.size !== 2) throw new Error(`the step left ${right.size} objects`);
    return {
      shop,
      async ready() {
        for (const key of right.keys()) await witness.remove(key);
      },
      words: ['run', '--json'],
      async judge(ended) {
        const wrong = [...(await shop.wrongs())];
        for (const [key, bytes] of right) {
          const body = (await witness.get(key))?.body;
          if (body === undefined ? ended : !Buffer.from(body).equals(bytes)) wrong.push(`${key} is not as it was`);
        }
        const open = await witness.openUploads(prefix);
        if (ended && open.length > 0) wrong.push(`an upload is left: ${open.join(', ')}`);
        return wrong;
      },
    };
  },
});

export const SCENES: readonly Scene[] = [false, true].flatMap((onS3) => [
  put(onS3),
  gc(onS3),
  gc(onS3, ['artifact', 'put', 'in']),
  ...STATES.map((state) => get(onS3, state)),
  kept(onS3, 'gone'),
  kept(onS3, 'changed'),
  keptOnS3(onS3),
]);
