/** Writes for ever, and says each name it is about to give: to be killed at that moment. Told: the root. */
import { fsStore } from '../../src/drivers/fs.js';

const [root = ''] = process.argv.slice(2);
const link = async (): Promise<void> => {
  process.stdout.write('written down\n');
  await new Promise(() => setInterval(() => {}, 1000));
};
await fsStore({ root }, { calls: { link } }).write('slots/1', new Uint8Array(100_000), { ifAbsent: true });
