// Stands for hours of training: 300 MB of weights that hang on the seed alone, in three files, and a small config.
import { createCipheriv } from 'node:crypto';
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const [folder, seed] = process.argv.slice(2);
const MEGABYTE = 10 ** 6;
const key = Buffer.alloc(16, `seed ${seed}`);
mkdirSync(folder, { recursive: true });
for (let shard = 0; shard < 3; shard++) {
  const noise = createCipheriv('aes-128-ctr', key, Buffer.alloc(16, shard));
  const file = openSync(join(folder, `weights-${shard}.bin`), 'w');
  for (let i = 0; i < 100; i++) writeSync(file, noise.update(Buffer.alloc(MEGABYTE)));
  closeSync(file);
}
writeFileSync(join(folder, 'config.json'), `${JSON.stringify({ seed, shards: 3 })}\n`);
