/** Judges what is left of a round by DESIGN.md alone: no line of src/ is imported, the slots are read as plain JSON. */
export interface Evidence {
  /** Slot texts by log and number. */
  readonly logs: ReadonlyMap<string, ReadonlyMap<number, string>>;
  /** `begin PID NANOSECONDS` and `end PID NANOSECONDS`, as the step wrote them. */
  readonly lines: readonly string[];
  /** Processes that were killed or stopped: they may be taken over, and their steps outlive them. */
  readonly faulted: ReadonlySet<number>;
  /** A process was told that its run is recorded as this attempt. */
  readonly acknowledged: readonly { readonly pid: number; readonly attempt: number }[];
}

export interface Judged {
  readonly wrong: readonly string[];
  readonly lost: readonly string[];
  readonly runs: number;
  readonly takeovers: number;
  readonly commits: number;
  /** By the logs alone: the step is done, so whoever comes later must see it so. */
  readonly done: boolean;
}

interface Slot {
  readonly n: number;
  readonly by: { readonly pid: number; readonly beat: string };
  readonly entry: { readonly kind: string; readonly attempt?: number; readonly attempts?: readonly number[] };
  readonly state: {
    readonly held?: { readonly attempt: number };
    readonly last: { readonly state: string; readonly attempt?: number };
  };
}

export interface Told {
  readonly wrong: string[];
  readonly acquired: Map<number, Slot['by']>;
  readonly committed: Map<number, Slot['by']>;
  readonly takenOver: Set<number>;
  readonly tombstoned: Set<number>;
  takeovers: number;
  /** The attempt that the log ends with, if it is committed. */
  last: number | undefined;
}

export function judge({ logs, lines, faulted, acknowledged }: Evidence): Judged {
  const told = [...logs].map(([id, slots]) => ({ id, ...read(id, slots) }));
  const wrong = told.flatMap((log) => log.wrong);
  const keys = told.filter(({ id }) => id.includes('/keys/'));
  const places = told.filter(({ id }) => id.includes('/places/'));
  if (keys.length !== 1 || places.length !== 1)
    wrong.push(`${keys.length} keys and ${places.length} places for one piece of work`);
  const acquirers = keys.flatMap(({ acquired }) => [...acquired.values()].map(({ pid }) => pid));
  const takenOver = new Set(told.flatMap((log) => [...log.takenOver]));
  const runs = runsIn(lines);
  for (const pid of new Set(runs.map((run) => run.pid))) {
    const [begun, acquired] = [
      runs.filter((run) => run.pid === pid).length,
      acquirers.filter((one) => one === pid).length,
    ];
    if (begun > acquired) wrong.push(`process ${pid} began the step ${begun} times under ${acquired} leases`);
  }
  const excused = (pid: number) => faulted.has(pid) || takenOver.has(pid);
  for (const [at, one] of runs.entries())
    for (const other of runs.slice(at + 1))
      if (one.begun < other.ended && other.begun < one.ended && !excused(one.pid) && !excused(other.pid))
        wrong.push(`processes ${one.pid} and ${other.pid} ran the step at one time`);
  const lost = acknowledged.flatMap(({ pid, attempt }) =>
    keys.some(({ committed }) => committed.get(attempt)?.pid === pid)
      ? []
      : [`process ${pid} was told that attempt ${attempt} is recorded, and no slot says so`],
  );
  return {
    wrong,
    lost,
    runs: runs.length,
    takeovers: told.reduce((sum, log) => sum + log.takeovers, 0),
    commits: keys.reduce((sum, { committed }) => sum + committed.size, 0),
    done:
      keys.every(({ last, tombstoned }) => last !== undefined && !tombstoned.has(last)) &&
      places.every(({ last }) => keys.some((key) => key.last === last)),
  };
}

/** One log from its first slot to its last. What two writers wrote over one another does not fit together. */
export function read(id: string, texts: ReadonlyMap<number, string>): Told {
  const told: Told = {
    ...{ wrong: [], takeovers: 0, last: undefined },
    ...{ acquired: new Map(), committed: new Map(), takenOver: new Set<number>(), tombstoned: new Set<number>() },
  };
  let held: { readonly attempt: number; readonly by: Slot['by'] } | undefined;
  const say = (n: number, what: string) => told.wrong.push(`${id.slice(-12)} slot ${n}: ${what}`);
  for (let n = 1; n <= Math.max(0, ...texts.keys()); n++) {
    const slot = slotIn(texts.get(n));
    if (!slot) {
      say(n, 'is gone or unreadable');
      continue;
    }
    const { by, entry } = slot;
    if (slot.n !== n) say(n, `says that it is ${slot.n}`);
    const isHolder = held !== undefined && held.attempt === entry.attempt && held.by.beat === by.beat;
    switch (entry.kind) {
      case 'acquire':
        if (held) {
          told.takeovers += 1;
          told.takenOver.add(held.by.pid);
        }
        held = { attempt: n, by };
        told.acquired.set(n, by);
        break;
      case 'commit':
        if (!isHolder) say(n, `${by.pid} commits attempt ${entry.attempt}, and ${describe(held)}`);
        if (told.committed.has(entry.attempt!)) say(n, `a second commit of attempt ${entry.attempt}`);
        told.committed.set(entry.attempt!, by);
        break;
      case 'release':
        if (!isHolder) say(n, `${by.pid} releases attempt ${entry.attempt}, and ${describe(held)}`);
        held = undefined;
        break;
      case 'tombstone':
        for (const attempt of entry.attempts ?? []) told.tombstoned.add(attempt);
        break;
      default:
        say(n, `an entry of the kind ${entry.kind}`);
    }
    const { last } = slot.state;
    told.last = last.state === 'committed' ? last.attempt : undefined;
    if (slot.state.held?.attempt !== held?.attempt) say(n, 'its state does not follow from the slots before');
  }
  return told;
}

function describe(held: { readonly attempt: number; readonly by: Slot['by'] } | undefined): string {
  return held ? `${held.by.pid} holds attempt ${held.attempt}` : 'nobody holds it';
}

function slotIn(text: string | undefined): Slot | undefined {
  try {
    return text === undefined ? undefined : (JSON.parse(text.split('\n', 1)[0]!) as Slot);
  } catch {
    return undefined;
  }
}

interface Run {
  readonly pid: number;
  readonly begun: bigint;
  readonly ended: bigint;
}

function runsIn(lines: readonly string[]): readonly Run[] {
  const runs: { pid: number; shell: string; begun: bigint; ended: bigint }[] = [];
  for (const line of lines) {
    const [what, pid, shell = '', at = '0'] = line.split(' ');
    if (what === 'begin') runs.push({ pid: Number(pid), shell, begun: BigInt(at), ended: 2n ** 63n });
    const run = what === 'end' ? runs.find((one) => one.shell === shell && one.ended === 2n ** 63n) : undefined;
    if (run) run.ended = BigInt(at);
  }
  return runs;
}
