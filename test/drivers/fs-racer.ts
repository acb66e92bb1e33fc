/** One of many processes that want the same keys. Told: the root, its own name, how many keys, when to begin. Says which it got. */
import { fsStore } from '../../src/drivers/fs.js';

const [root = '', name = '', count = '0', start = '0'] = process.argv.slice(2);
const store = fsStore({ root });
const won: number[] = [];
while (Date.now() < Number(start));
for (let i = 0; i < Number(count); i++) {
  const answer = await store.write(`slots/${i}`, new TextEncoder().encode(`${name} ${i}`), { ifAbsent: true });
  if (answer.written) won.push(i);
}
process.stdout.write(JSON.stringify(won));
