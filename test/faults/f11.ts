import { isStoreError } from '../../src/core/error.js';
import { startRadosgw } from '../rig/radosgw.js';
import { factsOf, type S3Facts } from '../rig/s3-server.js';
import { findProgram } from '../rig/versitygw.js';
import { type CampaignOptions, countUnhandled, type Tally } from './campaign.js';
import { type Question, rowsFor } from './f11-rows.js';

/** More than one round: the long form, which also starts a radosgw where it is installed. */
export const points = 1_500;

/** Two wires through every row of f11-rows.ts come to about this many questions. */
const pointsInARound = 250;

/**
 * F11 of LIMITS: servers that are there and not what they seem. Every question asked of one is a point; it is wrong if the
 * answer is presence (a hit), plain absence (a miss) where nothing can be known, or an error of another kind than told.
 */
export async function campaign({ points, server }: CampaignOptions): Promise<Tally> {
  const rounds = Math.max(1, Math.round(points / pointsInARound));
  const isLong = rounds > 1;
  const other =
    isLong && server.name !== 'radosgw' && findProgram('radosgw') !== undefined ? await startRadosgw() : undefined;
  const servers: S3Facts[] = [server, ...(other === undefined ? [] : [factsOf(other)])];
  const byRow: Record<string, number> = {};
  const examples: string[] = [];
  let asked = 0;
  let injected = 0;
  let wrong = 0;
  try {
    const { unhandled } = await countUnhandled(async () => {
      for (let round = 0; round < rounds; round += 1) {
        for (const facts of servers) {
          for (const row of rowsFor(facts)) {
            const opened = await row.open(facts);
            try {
              for (const question of opened.questions) {
                asked += 1;
                if (row.control !== true) injected += 1;
                byRow[row.name] = (byRow[row.name] ?? 0) + 1;
                const began = performance.now();
                const why = (await judge(question)) ?? tooLong(performance.now() - began);
                if (why === undefined) continue;
                wrong += 1;
                examples.push(`${facts.name}: ${row.name}: ${question.what}: ${why}`);
              }
            } finally {
              await opened.close();
            }
          }
        }
      }
    });
    wrong += unhandled.length;
    examples.push(...unhandled);
  } finally {
    await other?.stop();
  }
  return {
    points: asked,
    // A server that turned out not to be in the state its row names gives another answer, and that counts as wrong.
    injected,
    wrong,
    lost: 0,
    servers: servers.map(({ name, version }) => `${name} ${version}`),
    byRow,
    examples: examples.slice(0, 12),
  };
}

/** I4 of LIMITS: f11-rows.ts gives its stores a total of 10 s. A probe is some two hundred calls, and takes one. */
function tooLong(ms: number): string | undefined {
  return ms > 11_000 ? `an answer after ${Math.round(ms)} ms` : undefined;
}

async function judge({ ask, wanted }: Question): Promise<string | undefined> {
  let got: string;
  try {
    got = await ask();
  } catch (error) {
    if (!isStoreError(error)) return `an error of no family: ${String(error)}`;
    got = error.code;
    if (error.message.length < 20) return `the message says nothing: ${error.message}`;
  }
  return wanted.includes(got) ? undefined : `${got} instead of ${wanted.join(' or ')}`;
}
