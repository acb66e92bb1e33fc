import { appendFileSync, readFileSync } from 'node:fs';
import { stepaside } from 'stepaside';

const flow = stepaside();

// Done once for this file and this argument, whoever asks. What it returns lives in the record.
const count = flow.step({ name: 'count', inputs: { files: ['words.txt'] } }, async (letter) => {
  appendFileSync('runs.log', `counting ${letter}\n`);
  return readFileSync('words.txt', 'utf8').split(letter).length - 1;
});

console.log('e:', await count('e'));
console.log('a:', await count('a'));

await flow.close();
