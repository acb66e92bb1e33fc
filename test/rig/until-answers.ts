import { request } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import type { Household } from './household.js';

/** Waits for the first HTTP answer of any kind; fails at once if the server's process ends. */
export async function untilAnswers(endpoint: string, home?: Household, seconds = 30): Promise<void> {
  const last = Date.now() + seconds * 1000;
  for (;;) {
    if (await answers(endpoint)) return;
    const gone = home?.gone();
    if (gone !== undefined) throw new Error(`${gone} ended while it was starting`);
    if (Date.now() > last) throw new Error(`${endpoint} did not answer within ${seconds} s`);
    await wait(50);
  }
}

function answers(endpoint: string): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = request(endpoint, { agent: false, timeout: 2000 }, (answer) => {
      answer.resume();
      resolve(true);
    });
    asked.on('timeout', () => asked.destroy());
    asked.on('error', () => resolve(false));
    asked.end();
  });
}
