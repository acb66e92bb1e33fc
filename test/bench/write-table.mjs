// The table into DESIGN.md, between its two marks: nobody copies figures by hand.
import { readFileSync, writeFileSync } from 'node:fs';
import { table } from './report.mjs';

const MARKS = ['<!-- bench: written by npm run bench -- --write -->', '<!-- end of bench -->'];

export function writeTable(path, result) {
  const text = readFileSync(path, 'utf8');
  const [from, to] = MARKS.map((mark) => text.indexOf(mark));
  if (from < 0 || to < from) throw new Error(`${path} has no two marks for the table: ${MARKS.join(' ')}`);
  const written = `${MARKS[0]}\n\`\`\`\n${result.at.slice(0, 10)}: ${table(result)}\n\`\`\`\n`;
  writeFileSync(path, text.slice(0, from) + written + text.slice(to));
}
