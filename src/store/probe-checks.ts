import { isStoreError } from '../core/error.js';
import type { Finding, Trial } from './probe.js';

type Outcome = Omit<Finding, 'check'>;

/** Large enough for two chunks of any framing, with the bytes that framings are made of. */
const FRAMED = 70_000;
const LOOKS = 4;

/** Some servers store the upload's `aws-chunked` framing along with the bytes, and count it in the size. */
export async function checkReadBack(trial: Trial): Promise<Outcome> {
  const { store } = trial;
  const body = new Uint8Array(Math.min(FRAMED, store.traits.maxValueBytes));
  for (let i = 0; i < body.byteLength; i++) body[i] = i % 7 === 0 ? 13 : i % 7 === 1 ? 10 : (i * 31) & 255;
  body.set(trial.body('read-back').subarray(0, body.byteLength));
  const key = trial.key('read-back');
  await store.write(key, body);
  const found = await readBytes(trial, key);
  if (found === undefined) return failed('what was written is not there');
  if (!equal(found, body))
    return failed(`${body.byteLength} bytes were written and ${found.byteLength} others are read`);
  const head = await store.head(key);
  if (head?.size !== body.byteLength)
    return failed(`${body.byteLength} bytes were written, its head says ${head?.size}`);
  const part = await store.read(key, { offset: 1000, length: 24 });
  const bytes = part && (await gather(part.body));
  if (bytes === undefined || !equal(bytes, body.subarray(1000, 1024)))
    return failed('a range is not that part of the whole');
  return passed('bytes, size and a range are as written');
}

export async function checkSequence(trial: Trial): Promise<Outcome> {
  const { store } = trial;
  const key = trial.key('sequence');
  const [first, second] = [trial.body('first'), trial.body('second')];
  const won = await store.write(key, first, { ifAbsent: true });
  if (!won.written) return failed('an exclusive write of a fresh key was refused');
  const lost = await store.write(key, second, { ifAbsent: true });
  const found = await readBytes(trial, key);
  if (lost.written) return failed('an exclusive write over an existing key was accepted: the condition is ignored');
  if (found === undefined || !equal(found, first)) return failed('the refused write replaced the bytes');
  return passed('the second exclusive write was refused');
}

/** Servers have passed in sequence and let two racers win: only races tell, and only against. */
export async function checkRace(trial: Trial): Promise<Outcome> {
  const { rounds, width } = trial;
  let decided = 0;
  for (let round = 1; decided < rounds && round <= rounds * 2; round++) {
    const outcome = await raceOnce(trial, round);
    if (outcome === undefined) continue;
    if (outcome !== 'ok') return failed(`round ${round} of ${width} writers: ${outcome}`);
    decided += 1;
  }
  if (decided < rounds) return undecided(`only ${decided} of ${rounds} rounds had answers`);
  return passed(`${rounds} rounds of ${width} writers had one winner each`);
}

async function raceOnce(trial: Trial, round: number): Promise<string | undefined> {
  const { store, width } = trial;
  const key = trial.key(`race-${round}`);
  const bodies = Array.from({ length: width }, (_, writer) => trial.body(`writer-${writer}`));
  const answers = await Promise.all(
    bodies.map((body) =>
      store.write(key, body, { ifAbsent: true }).then(
        ({ written }) => (written ? 'won' : 'lost'),
        (error: unknown) => {
          if (!isStoreError(error) || error.code === 'store/unsupported') throw error;
          return 'unclear';
        },
      ),
    ),
  );
  const found = await readBytes(trial, key);
  const winners = answers.filter((answer) => answer === 'won').length;
  const unclear = answers.includes('unclear');
  if (winners > 1) return `${winners} were told that they won`;
  if (found === undefined) return winners === 0 && unclear ? undefined : 'nothing is there afterwards';
  const writer = bodies.findIndex((body) => equal(body, found));
  if (writer < 0) return 'what is there is no writer’s';
  // A writer whose answer was lost may be the one; then nobody else can have been told so.
  if (answers[writer] === 'won' || (winners === 0 && answers[writer] === 'unclear')) return 'ok';
  return winners === 1 ? 'the bytes are not the winner’s' : 'nobody was told that he won';
}

export async function checkOverwrite(trial: Trial): Promise<Outcome> {
  const { store } = trial;
  const key = trial.key('overwrite');
  for (let version = 1; version <= LOOKS; version++) {
    const body = trial.body(`version-${version}`);
    await store.write(key, body);
    const found = await readBytes(trial, key);
    if (found === undefined || !equal(found, body)) return failed('after an overwrite the former bytes are read');
  }
  await store.remove(key);
  if ((await store.head(key)) !== undefined) return failed('after its removal it is still there');
  return passed('each overwrite and the removal showed at once');
}

export async function checkListing(trial: Trial): Promise<Outcome> {
  const { store } = trial;
  for (let look = 1; look <= LOOKS; look++) {
    const key = trial.key(`list-${look}`);
    await store.write(key, trial.body('listed'));
    if (!(await isListed(trial, key))) return failed('a listing did not show what had just been written');
    await store.remove(key);
    if (await isListed(trial, key)) return failed('a listing showed what had just been removed');
  }
  return passed(`${LOOKS} writes and removals showed at once`);
}

/** HTTP dates know whole seconds: such a time stands for the second that begins with it. */
export async function checkClock(trial: Trial): Promise<Outcome> {
  const { store, now } = trial;
  const key = trial.key('clock');
  const before = now();
  await store.write(key, trial.body('clock'));
  const after = now();
  const head = await store.head(key);
  if (head === undefined) return undecided('what was written is not there');
  const coarse = head.modifiedAt % 1000 === 0 ? 500 : 0;
  const offsetMs = Math.round(head.modifiedAt + coarse - (before + after) / 2);
  const uncertaintyMs = Math.ceil((after - before) / 2) + coarse;
  trial.clock(offsetMs, uncertaintyMs);
  return passed(`the store’s clock minus ours is ${offsetMs} ms, give or take ${uncertaintyMs}`);
}

async function isListed({ store, folder }: Trial, key: string): Promise<boolean> {
  let listed = false;
  for await (const head of store.list(folder)) listed ||= head.key === key;
  return listed;
}

async function readBytes({ store }: Trial, key: string): Promise<Uint8Array | undefined> {
  const found = await store.read(key);
  return found && gather(found.body);
}

async function gather(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(piece);
  return Buffer.concat(pieces);
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

const passed = (because: string): Outcome => ({ outcome: 'passed', because });
const failed = (because: string): Outcome => ({ outcome: 'failed', because });
const undecided = (because: string): Outcome => ({ outcome: 'undecided', because });
