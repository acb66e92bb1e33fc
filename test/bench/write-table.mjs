// The tables into DESIGN.md, each between its two marks: nobody copies figures by hand.
import { readFileSync, writeFileSync } from 'node:fs';
import { table, tallyOf } from './report.mjs';

const marksOf = (name) => [
  `<!-- bench: ${name}, written by npm run bench -- --write -->`,
  `<!-- end of bench: ${name} -->`,
];

/** `tables`: which of them this run has measured whole. */
export function writeTables(path, result, tables) {
  for (const { name, holds } of tables) {
    const operations = result.operations.filter(({ id }) => holds(id));
    writeTable(path, name, { ...result, operations, ...tallyOf(operations) });
  }
}

function writeTable(path, name, result) {
  const text = readFileSync(path, 'utf8');
  const marks = marksOf(name);
  const [from, to] = marks.map((mark) => text.indexOf(mark));
  if (from < 0 || to < from) throw new Error(`${path} has no two marks for the table: ${marks.join(' ')}`);
  const written = `${marks[0]}\n\`\`\`\n${result.at.slice(0, 10)}: ${table(result)}\n\`\`\`\n`;
  writeFileSync(path, text.slice(0, from) + written + text.slice(to));
}
