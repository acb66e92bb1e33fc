// What Spark's classic committer leaves on a disk, for machines without Spark: parts, checksums, and _SUCCESS last.
import { randomUUID } from 'node:crypto';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';

const [out] = process.argv.slice(2);
const attempt = join(out, '_temporary/0');
const job = randomUUID();

function write(folder, name, bytes) {
  const sums = [];
  for (let at = 0; at < bytes.length; at += 512) sums.push(crc32(bytes.subarray(at, at + 512)));
  const crc = Buffer.alloc(8 + 4 * sums.length);
  crc.write('crc\0');
  crc.writeUInt32BE(512, 4);
  for (const [index, sum] of sums.entries()) crc.writeUInt32BE(sum, 8 + 4 * index);
  writeFileSync(join(folder, name), bytes);
  writeFileSync(join(folder, `.${name}.crc`), crc);
}

rmSync(out, { recursive: true, force: true }); // mode("overwrite")
mkdirSync(attempt, { recursive: true });
for (const number of ['00000', '00001']) {
  const name = `part-${number}-${job}-c000.snappy.parquet`;
  write(attempt, name, Buffer.from(`PAR1 rows of ${number} PAR1`));
  for (const file of [`.${name}.crc`, name]) renameSync(join(attempt, file), join(out, file));
}
rmSync(join(out, '_temporary'), { recursive: true });
write(out, '_SUCCESS', Buffer.alloc(0));
