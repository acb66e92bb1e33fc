import type { Entry, Facts, PlaceSpec, Work } from './trace.js';

/**
 * What must be true of a trace, said without a line of the engine: who executed what when, which bytes were where, and
 * how each process ended. Slots are read as the JSON they are; what follows from them is worked out here once more.
 */
export function judge(trace: readonly Entry[], facts: Facts): readonly string[] {
  const oracle = new Oracle(facts);
  for (const [at, entry] of trace.entries()) oracle.see(entry, at);
  oracle.end();
  return oracle.violations;
}

const SLOT = /^(.*\/v1\/(?:keys|places)\/[^/]+\/[^/]+\/)(\d{8})$/;

/** Whoever wrote a slot and whoever reads it may each be a second off. */
const CLOCKS_MS = 2_100;

interface Item {
  readonly text: string;
  /** Index of the change in the trace. */
  readonly at: number;
  readonly by: string;
}

/** What a place held when somebody was shown it. */
interface Shown {
  readonly at: number;
  readonly t: number;
  readonly state: string;
  readonly items: ReadonlyMap<string, Item>;
  readonly marked: boolean;
}

interface Run {
  readonly run: number;
  readonly by: number;
  readonly work: Work;
  readonly log: string | undefined;
  readonly begun: number;
  /** What its process was shown of its places before it began. */
  readonly before: ReadonlyMap<string, Shown | undefined>;
  /** By place that it reads. */
  readonly took: Map<string, string>;
  /** What its process was shown of those afterwards. What is changed and changed back in between, nobody can see. */
  readonly again: Map<string, string>;
  over?: { readonly at: number; readonly ok: boolean };
  /** What it left: what its process was shown first after its end. */
  readonly left: Map<string, Shown>;
  /** When its record was written. */
  recorded?: number;
}

interface Log {
  n: number;
  held: { readonly n: number; readonly beat: string; readonly at: number } | undefined;
  /** The last acquisition, or the last word that the place proves nothing. */
  open: { readonly at: number; readonly beat: string } | undefined;
  committed: { readonly at: number; readonly beat: string; readonly slot: SlotText } | undefined;
  readonly commits: Map<number, number>;
  readonly tombstoned: Set<number>;
  /** Tombstoned attempt -> when. */
  readonly givenUp: Map<number, number>;
  /** Acquisition -> by whom and when. */
  readonly acquired: Map<number, { readonly beat: string; readonly at: number }>;
  readonly released: Set<number>;
  readonly untouched: Set<number>;
  readonly recordedBy: Map<number, Run | undefined>;
  /** The state after each slot. */
  readonly views: LogView[];
}

interface SlotText {
  readonly n: number;
  /** When it was thought out, by its writer's clock; a slow or repeated request may bring it much later. */
  readonly at: number;
  readonly by: { readonly beat: string };
  readonly entry: {
    readonly kind: string;
    readonly attempt?: number;
    readonly of?: number;
    readonly attempts?: readonly number[];
    readonly undo?: boolean;
    readonly untouched?: boolean;
    readonly record?: { readonly attempt: number; readonly outputs: readonly { readonly artifact?: string }[] };
  };
}

interface LogView {
  readonly n: number;
  readonly open: Log['open'];
  readonly committed: Log['committed'];
  readonly tombstoned: ReadonlySet<number>;
  readonly recordedBy: ReadonlyMap<number, Run | undefined>;
}

interface LogShown extends LogView {
  /** Somebody executed under the acquisition that is open. */
  readonly began: boolean;
}

class Oracle {
  readonly violations: string[] = [];
  readonly #facts: Facts;
  readonly #items = new Map<string, Item>();
  readonly #logs = new Map<string, Log>();
  readonly #shown = new Map<string, Shown>();
  readonly #logShown = new Map<string, LogShown>();
  readonly #asked = new Map<number, () => void>();
  readonly #denied = new Map<string, number>();
  readonly #runs = new Map<number, Run>();
  readonly #beats = new Map<string, { at: number; t: number; text: string | undefined; before: number }>();
  /** By who read and whose heartbeat: how long it was seen unchanged, one after the other. */
  readonly #beatRead = new Map<string, { first: number; text: string | undefined; last: number }[]>();
  /** Who took from whom. */
  readonly #taken = new Set<string>();
  /** What a process was shown of a key's log before it began to let go of its leases. */
  readonly #atRelease = new Map<string, LogShown>();
  readonly #endings = new Map<number, string[]>();
  /** All that a process decided about a step, and when. */
  readonly #decisions = new Map<string, (Extract<Entry, { kind: 'decided' }> & { readonly at: number })[]>();
  readonly #markerTouched = new Map<string, number>();
  readonly #markerRead = new Set<string>();
  /** What a sweeper took and nobody has kept since. */
  readonly #swept = new Set<string>();
  /** Records by what they keep. */
  readonly #keepers = new Map<string, { readonly name: string; readonly log: Log; readonly attempt: number }[]>();
  #at = 0;
  #t = 0;

  constructor(facts: Facts) {
    this.#facts = facts;
  }

  see(entry: Entry, at: number): void {
    this.#at = at;
    this.#t = entry.t;
    switch (entry.kind) {
      case 'change':
        return this.#change(entry);
      case 'shown':
        return this.#show(entry);
      case 'heard':
        this.#asked.get(entry.ask)?.();
        this.#asked.delete(entry.ask);
        return;
      case 'denied':
        this.#denied.set(`${entry.by} ${entry.prefix}`, at);
        return;
      case 'read':
        return this.#read(entry.by, entry.key);
      case 'begun':
        return this.#begin(entry);
      case 'took':
        this.#runs.get(entry.run)!.took.set(entry.place, this.#stateAt(entry.place).state);
        return;
      case 'over':
        this.#runs.get(entry.run)!.over = { at, ok: entry.ok };
        return;
      case 'decided':
        this.#decide(entry);
        this.#atRelease.delete(`${entry.by} ${entry.log}`);
        if (entry.action === 'skip') this.#skip(entry);
        if (entry.action === 'run') this.#run(entry);
        return;
      case 'warned':
        if (entry.warning.includes('cannot be removed')) this.#markerTouched.set(`${entry.by} ${entry.step}`, at);
        return;
      case 'ended':
        this.#endings.set(entry.by, [...(this.#endings.get(entry.by) ?? []), entry.ended]);
        return this.#ended(entry);
      case 'broke':
        return this.#wrong(`process ${entry.by} broke: ${entry.error}`);
      case 'crashed':
        return;
      case 'kept':
        this.#swept.delete(entry.digest);
        return;
      case 'swept':
        this.#swept.add(entry.digest);
        return this.#sweep(entry.digest);
      default:
        return entry satisfies never;
    }
  }

  /** After all faults, undisturbed: what can be recorded is, and the next one finds it done. */
  end(): void {
    const [first, second] = this.#facts.clean;
    if (first === undefined || second === undefined) return;
    const [made, found] = [this.#endings.get(first) ?? [], this.#endings.get(second) ?? []];
    for (const endings of [made, found]) {
      // A person has to say what is to go: who needs that step waits for it, and nobody else.
      const isStuck = endings.includes('refused parts-changed');
      const well = isStuck ? /^(avoided|ran|refused parts-changed|not-begun)/ : /^(avoided|ran)/;
      for (const ended of endings)
        if (!well.test(ended)) this.#wrong(`after all faults a clean process ended: ${ended}`);
    }
    const works = [...this.#facts.work.get(first)!.values()];
    if (works.every(({ places }) => places.every(({ mode }) => mode !== undefined))) {
      const unrecorded = made.find((ended) => ended.startsWith('ran') && ended !== 'ran recorded');
      if (unrecorded) this.#wrong(`a clean process left no record: ${unrecorded}`);
    }
    if (made.every((ended) => /^avoided|^ran recorded/.test(ended)))
      for (const ended of found)
        if (!ended.startsWith('avoided')) this.#wrong(`what was just proven was run again: ${ended}`);
  }

  #wrong(what: string): void {
    if (this.violations.length < 20) this.violations.push(`${what} [entry ${this.#at}, ${Math.round(this.#t)} ms]`);
  }

  #decide(entry: Extract<Entry, { kind: 'decided' }>): void {
    const name = `${entry.by} ${entry.step}`;
    this.#decisions.set(name, [...(this.#decisions.get(name) ?? []), { ...entry, at: this.#at }]);
  }

  /** What it decided last, or had decided by then. */
  #decided(by: number, step: string, until = Number.POSITIVE_INFINITY) {
    return this.#decisions.get(`${by} ${step}`)?.findLast(({ at }) => at < until);
  }

  #change({ key, text, by, asked }: Extract<Entry, { kind: 'change' }>): void {
    const { cache } = this.#facts;
    if (key.startsWith(cache)) {
      const slot = SLOT.exec(key);
      if (slot) this.#slot(slot[1]!, Number(slot[2]), text, key);
      const beat = /\/v1\/beats\/(.*)$/.exec(key)?.[1];
      if (beat) {
        const known = this.#beats.get(beat);
        if (known?.text !== text || !known)
          this.#beats.set(beat, { at: this.#at, t: this.#t, text, before: known?.t ?? this.#t });
      }
    }
    if (text === undefined) this.#items.delete(key);
    else this.#items.set(key, { text, at: this.#at, by });
    if (by.startsWith('process:')) this.#markers(key, text, Number(by.slice('process:'.length)), asked);
  }

  /** A finished marker of ours stands only on a record. What comes late belongs to what was decided when it was asked for. */
  #markers(key: string, text: string | undefined, by: number, asked?: number): void {
    for (const work of this.#facts.work.get(by)?.values() ?? [])
      for (const { marker, at } of work.places) {
        if (marker?.at !== key || this.#decided(by, work.step, asked)?.action === 'restore') continue;
        this.#markerTouched.set(`${by} ${work.step}`, this.#at);
        if (text === undefined || marker.by !== 'stepaside' || /"state":"running"/.test(text)) continue;
        const recorded = [...this.#logs.values()].some(({ recordedBy }) =>
          [...recordedBy.values()].some((run) => run?.by === by && run.work === work),
        );
        if (!recorded) this.#wrong(`process ${by} wrote the marker of ${at} before its record`);
      }
  }

  #log(name: string): Log {
    let log = this.#logs.get(name);
    if (!log) {
      log = {
        n: 0,
        held: undefined,
        open: undefined,
        committed: undefined,
        commits: new Map(),
        tombstoned: new Set(),
        givenUp: new Map(),
        acquired: new Map(),
        released: new Set(),
        untouched: new Set(),
        recordedBy: new Map(),
        views: [],
      };
      this.#logs.set(name, log);
    }
    return log;
  }

  #slot(name: string, n: number, text: string | undefined, key: string): void {
    const log = this.#log(name);
    if (text === undefined) return this.#wrong(`slot ${key} was removed`);
    if (this.#items.has(key)) return this.#wrong(`slot ${key} was overwritten`);
    if (n !== log.n + 1) this.#wrong(`slot ${key} follows ${log.n}`);
    log.n = n;
    this.#fold(name, log, n, text, key);
    const { open, committed, tombstoned, recordedBy } = log;
    log.views[n] = { n, open, committed, tombstoned: new Set(tombstoned), recordedBy: new Map(recordedBy) };
  }

  #fold(name: string, log: Log, n: number, text: string, key: string): void {
    const slot = JSON.parse(text.slice(0, text.indexOf('\n'))) as SlotText;
    const { entry, by } = slot;
    const mark = { at: this.#at, beat: by.beat };
    switch (entry.kind) {
      case 'acquire':
        if (log.held) this.#takeover(name, log.held, slot);
        log.held = { n, beat: by.beat, at: this.#t };
        log.open = mark;
        log.acquired.set(n, mark);
        return;
      case 'release':
        if (log.held?.n !== entry.attempt) this.#wrong(`${key} releases what it does not hold`);
        log.held = undefined;
        this.#letGo(name, by.beat);
        log.released.add(entry.attempt!);
        if (entry.untouched) log.untouched.add(entry.attempt!);
        return;
      case 'commit': {
        const attempt = entry.attempt!;
        const commits = (log.commits.get(attempt) ?? 0) + 1;
        log.commits.set(attempt, commits);
        if (commits > 1) this.#wrong(`${key} is the second commit of acquisition ${attempt}`);
        if (log.held?.n !== attempt || log.held.beat !== by.beat)
          this.#wrong(`${key} commits acquisition ${attempt}, which does not hold the log any more`);
        log.open = undefined;
        log.committed = { ...mark, slot };
        if (entry.record) this.#record(name, log, attempt, by.beat);
        for (const { artifact } of entry.record?.outputs ?? [])
          if (artifact !== undefined) this.#keeps(artifact, { name, log, attempt });
        return;
      }
      case 'tombstone':
        if (entry.attempts?.length === 0) log.open = mark;
        for (const attempt of entry.attempts ?? []) {
          if (entry.undo) log.tombstoned.delete(attempt);
          else {
            log.tombstoned.add(attempt);
            log.givenUp.set(attempt, this.#t);
          }
        }
        return;
      default:
    }
  }

  #keeps(artifact: string, record: { readonly name: string; readonly log: Log; readonly attempt: number }): void {
    if (this.#swept.has(artifact)) this.#wrong(`${record.name} has a record of ${artifact}, which was swept`);
    this.#keepers.set(artifact, [...(this.#keepers.get(artifact) ?? []), record]);
  }

  /** Only what no record names, or what was given up so long ago that nobody takes it back. */
  #sweep(artifact: string): void {
    for (const { name, log, attempt } of this.#keepers.get(artifact) ?? []) {
      const since = log.tombstoned.has(attempt) ? log.givenUp.get(attempt)! : undefined;
      if (since === undefined) this.#wrong(`${artifact} was swept, and a record of ${name} names it`);
      else if (this.#t - since < this.#facts.graceMs - CLOCKS_MS)
        this.#wrong(`${artifact} was swept, and the record of ${name} could still be taken back`);
    }
  }

  /** A record: its run ended well, what it lists is its own, and the places' logs name it already. */
  #record(name: string, log: Log, attempt: number, beat: string): void {
    const run = [...this.#runs.values()].findLast((one) => one.log === name && this.#facts.beats.get(one.by) === beat);
    log.recordedBy.set(attempt, run);
    if (run) run.recorded = this.#at;
    if (!run) return this.#wrong(`${name} has a record of ${beat}, which executed nothing`);
    if (!run.over?.ok) this.#wrong(`run ${run.run} was recorded and has not ended well`);
    const spoilt = spoiltIn(run);
    if (spoilt) this.#wrong(`run ${run.run} was recorded although ${spoilt}`);
    for (const place of run.work.places) {
      const left = run.left.get(place.at);
      if (!left) this.#wrong(`run ${run.run} was recorded and nobody looked at ${place.at} after it`);
      const said = this.#log(place.log).views.some(
        ({ committed }) => committed?.beat === beat && committed.at > run.begun,
      );
      if (!said) this.#wrong(`run ${run.run} was recorded before ${place.at} says so`);
    }
  }

  /** Only from who was silent for the whole ttl while somebody watched, or what it could not give back itself. */
  #takeover(name: string, held: NonNullable<Log['held']>, { at, by: { beat } }: SlotText): void {
    if (held.beat === beat) {
      if (this.#isWorking(name, beat)) this.#wrong(`${beat} takes ${name} from itself, and works there`);
      return;
    }
    // Signs of life that came after the decision cannot have been heeded: the holder's commit is fenced off, no more.
    const decided = at - this.#facts.epoch + CLOCKS_MS;
    const seen = this.#beatRead.get(`${this.#who(beat)} ${held.beat}`)?.findLast(({ first }) => first <= decided);
    // All that one held is taken by one decision, log after log.
    const taken = `${beat} ${held.beat}`;
    if (this.#taken.has(taken)) return;
    this.#taken.add(taken);
    if (!seen || seen.last - seen.first < this.#facts.ttlMs)
      this.#wrong(
        `${beat} takes ${name} from ${held.beat}, whom it has seen silent for ${seen ? Math.round(seen.last - seen.first) : 0} ms only`,
      );
  }

  #isWorking(name: string, beat: string): boolean {
    return [...this.#runs.values()].some(
      ({ by, over, log, work }) =>
        over === undefined &&
        this.#facts.beats.get(by) === beat &&
        (log === name || work.places.some((place) => place.log === name)),
    );
  }

  /** What it learns from now on comes too late for what it did: that ended when it let go. */
  #letGo(name: string, beat: string): void {
    const by = this.#who(beat);
    for (const { step, places } of this.#facts.work.get(by!)?.values() ?? []) {
      const log = this.#decided(by!, step)?.log;
      const key = `${by} ${log}`;
      const shown = this.#logShown.get(key);
      if (shown && !this.#atRelease.has(key) && (log === name || places.some((place) => place.log === name)))
        this.#atRelease.set(key, shown);
    }
  }

  #who(beat: string): number | undefined {
    for (const [id, name] of this.#facts.beats) if (name === beat) return id;
    return undefined;
  }

  #read(by: number, key: string): void {
    const slot = SLOT.exec(key);
    if (slot) {
      const view = this.#logs.get(slot[1]!)?.views[Number(slot[2])];
      if (view && view.n > (this.#logShown.get(`${by} ${slot[1]}`)?.n ?? 0)) this.#showLog(by, slot[1]!, view);
    }
    if (this.#items.has(key) && this.#markerNames().has(key)) this.#markerRead.add(`${by} ${key}`);
    const beat = /\/v1\/beats\/(.*)$/.exec(key)?.[1];
    if (beat === undefined) return;
    const text = this.#items.get(key)?.text;
    const name = `${by} ${beat}`;
    const known = this.#beatRead.get(name) ?? [];
    const last = known.at(-1);
    if (last && last.text === text) last.last = this.#t;
    else this.#beatRead.set(name, [...known, { first: this.#t, last: this.#t, text }]);
  }

  #stateAt(place: string): { readonly state: string; readonly items: ReadonlyMap<string, Item> } {
    const markers = this.#markerNames();
    const items = new Map<string, Item>();
    const isTree = place.endsWith('/');
    for (const [key, item] of this.#items) {
      if (isTree ? !key.startsWith(place) : key !== place) continue;
      if (markers.has(key) || key.endsWith('/_stepaside.json') || key.endsWith('/_SUCCESS')) continue;
      items.set(key, item);
    }
    return { state: stateOf(items), items };
  }

  #names: ReadonlySet<string> | undefined;
  #markerNames(): ReadonlySet<string> {
    this.#names ??= new Set(
      [...this.#facts.work.values()].flatMap((works) =>
        [...works.values()].flatMap(({ places }) => places.flatMap(({ marker }) => (marker ? [marker.at] : []))),
      ),
    );
    return this.#names;
  }

  #show({ by, prefix, ask }: Extract<Entry, { kind: 'shown' }>): void {
    const log = this.#logs.get(prefix);
    const view = log?.views.at(-1);
    if (view) {
      this.#asked.set(ask, () => this.#showLog(by, prefix, view));
      return;
    }
    if (!this.#isPlace(by, prefix)) return this.#showPart(by, prefix, ask);
    const marked = [...this.#markerNames()].some((name) => name.startsWith(prefix) && this.#items.has(name));
    const shown: Shown = { at: this.#at, t: this.#t, marked, ...this.#stateAt(prefix) };
    this.#asked.set(ask, () => {
      this.#shown.set(`${by} ${prefix}`, shown);
      for (const run of this.#runs.values())
        if (run.by === by && run.over && run.over.at < shown.at) {
          if (!run.left.has(prefix)) this.#leave(run, prefix, shown);
          if (run.recorded === undefined && run.work.reads.includes(prefix)) run.again.set(prefix, shown.state);
        }
    });
  }

  /** One name of a place that was listed is asked for once more: what it is now is what was shown of it. */
  #showPart(by: number, key: string, ask: number): void {
    const place = key.slice(0, key.lastIndexOf('/') + 1);
    if (this.#markerNames().has(key) || !this.#isPlace(by, place)) return;
    const item = this.#items.get(key);
    this.#asked.set(ask, () => {
      const shown = this.#shown.get(`${by} ${place}`);
      if (!shown || shown.items.get(key)?.text === item?.text) return;
      const items = new Map(shown.items);
      if (item) items.set(key, item);
      else items.delete(key);
      const now: Shown = { ...shown, items, state: stateOf(items) };
      this.#shown.set(`${by} ${place}`, now);
      for (const run of this.#runs.values()) {
        if (run.by !== by) continue;
        if (run.left.get(place) === shown) run.left.set(place, now);
        if (run.again.get(place) === shown.state && run.recorded === undefined) run.again.set(place, now.state);
      }
    });
  }

  /** A listing shows a log as it is; a slot that is read, being higher, shows it as it was after that. */
  #showLog(by: number, name: string, view: LogView): void {
    const { open } = view;
    const began =
      open !== undefined &&
      [...this.#runs.values()].some(
        (run) =>
          this.#facts.beats.get(run.by) === open.beat &&
          run.begun > open.at &&
          run.work.places.some((place) => place.log === name),
      );
    this.#logShown.set(`${by} ${name}`, { ...view, began });
  }

  #isPlace(by: number, prefix: string): boolean {
    for (const { places, reads } of this.#facts.work.get(by)?.values() ?? [])
      if (reads.includes(prefix) || places.some(({ at }) => at === prefix)) return true;
    return false;
  }

  #leave(run: Run, place: string, shown: Shown): void {
    if (run.work.places.some(({ at }) => at === place)) run.left.set(place, shown);
  }

  #begin({ by, step, run, log }: Extract<Entry, { kind: 'begun' }>): void {
    const work = this.#facts.work.get(by)!.get(step)!;
    const before = new Map(work.places.map(({ at }) => [at, this.#shown.get(`${by} ${at}`)]));
    this.#runs.set(run, {
      run,
      by,
      work,
      log,
      begun: this.#at,
      before,
      took: new Map(),
      again: new Map(),
      left: new Map(),
    });
    const name = `${by} ${step}`;
    const beat = this.#facts.beats.get(by)!;
    let acquired = 0;
    for (const one of [...(log === undefined ? [] : [log]), ...work.places.map((place) => place.log)]) {
      const mine = [...this.#log(one).acquired].findLast(([, who]) => who.beat === beat);
      if (!mine || this.#log(one).released.has(mine[0]))
        this.#wrong(`run ${run} of process ${by} began without ${one}`);
      acquired = Math.max(acquired, mine?.[1].at ?? 0);
    }
    for (const { marker, mode, at } of work.places) {
      if (!marker || (mode === 'replace' && !this.#items.has(marker.at))) continue;
      // An earlier removal whose answer came late says as much as one that changed something.
      const gone = !this.#items.has(marker.at);
      if (!gone && (this.#markerTouched.get(name) ?? -1) < acquired && this.#items.get(marker.at)!.at < acquired)
        this.#wrong(`run ${run} began at ${at} under the old marker`);
      if (gone && marker.by === 'stepaside' && (this.#markerTouched.get(name) ?? -1) < acquired)
        this.#wrong(`run ${run} began at ${at} without a claim`);
    }
  }

  /** Where nobody can tell what is at its own place, nothing is written. */
  #run({ by, step }: Extract<Entry, { kind: 'decided' }>): void {
    for (const { at } of this.#facts.work.get(by)!.get(step)!.places)
      if ((this.#denied.get(`${by} ${at}`) ?? -1) > (this.#shown.get(`${by} ${at}`)?.at ?? -1))
        this.#wrong(`process ${by} runs ${step} and was not told what is at ${at}`);
  }

  #skip({ by, step, reason, log }: Extract<Entry, { kind: 'decided' }>): void {
    const work = this.#facts.work.get(by)!.get(step)!;
    const who = `process ${by} skipped ${step} (${reason})`;
    const shown = work.places.map((place) => [place, this.#shown.get(`${by} ${place.at}`)] as const);
    if (shown.some(([, look]) => !look)) return this.#wrong(`${who} and never looked`);
    const logs = work.places.map((place) => this.#logShown.get(`${by} ${place.log}`));
    logs.forEach((seen, i) => {
      const at = work.places[i]!.at;
      // What was begun and not ended, or said to prove nothing, proves nothing under any policy.
      if (seen?.open && (seen.began || !this.#who(seen.open.beat)))
        this.#wrong(`${who} although the last run at ${at} has not committed`);
      const other = seen?.committed && !seen.open ? this.#runOf(seen.committed, at) : undefined;
      if (other && other.work.label !== work.label && work.policy !== 'exists')
        this.#wrong(`${who} although other work was the last at ${at}`);
    });
    if (reason === 'not-needed') {
      for (const [place, look] of shown) if (look!.state !== '') this.#wrong(`${who}, and ${place.at} is not empty`);
      return;
    }
    if (work.policy === 'exists') {
      // A marker that came after the listing, and was read, vouches for what came before it.
      for (const [place, look] of shown)
        if (look!.state === '' && !look!.marked && !this.#markerRead.has(`${by} ${place.marker?.at}`))
          this.#wrong(`${who}, and nothing is at ${place.at}`);
      return;
    }
    if (reason === 'foreign-marker') {
      if (logs.some((seen) => seen?.committed)) this.#wrong(`${who} although a run of ours was there`);
      return;
    }
    const known = log === undefined ? undefined : this.#logShown.get(`${by} ${log}`);
    const good = [...this.#runs.values()].filter((run) => run.over?.ok && run.work.label === work.label);
    const reads = work.reads.map((place) => [place, this.#shown.get(`${by} ${place}`)?.state] as const);
    const sameInputs = good.filter((run) =>
      reads.every(
        ([place, state]) => this.#ghost(by, place) || run.took.get(place) === state || run.again.get(place) === state,
      ),
    );
    if (sameInputs.length === 0) return this.#wrong(`${who} and no run of that work with these inputs ended well`);
    const dead = new Set(
      [...(known?.recordedBy ?? [])].filter(([attempt]) => known?.tombstoned.has(attempt)).map(([, run]) => run),
    );
    if (work.policy === 'key') {
      if (sameInputs.every((run) => dead.has(run))) this.#wrong(`${who} by a record that was invalidated`);
      return;
    }
    const match = sameInputs.filter((run) =>
      shown.every(([place, look]) => run.left.get(place.at)?.state === look!.state),
    );
    if (match.length === 0) return this.#wrong(`${who} and what is there is not what one run left: ${describe(shown)}`);
    if (match.every((run) => dead.has(run))) this.#wrong(`${who} by a record that was invalidated`);
    if (match.every(spoiltIn)) this.#wrong(`${who} although ${spoiltIn(match[0]!)}`);
  }

  /** Its outputs are gone and nobody makes them again: what its reader knows of it is in the record. */
  #ghost(by: number, place: string): boolean {
    const made = [...this.#facts.work.get(by)!.values()].find(({ places }) => places.some(({ at }) => at === place));
    return made !== undefined && this.#decided(by, made.step)?.reason === 'not-needed';
  }

  #runOf(committed: NonNullable<Log['committed']>, place: string): Run | undefined {
    return [...this.#runs.values()].findLast(
      (run) =>
        this.#facts.beats.get(run.by) === committed.beat &&
        (run.over?.at ?? Number.POSITIVE_INFINITY) < committed.at &&
        run.work.places.some(({ at }) => at === place),
    );
  }

  /** What is said to be put back is what one run of that work left, all of it and nothing else. */
  #restored(by: number, work: Work): void {
    const who = `process ${by} says that it restored ${work.step}`;
    const { log } = this.#decided(by, work.step)!;
    const name = `${by} ${log}`;
    const known = this.#atRelease.get(name) ?? this.#logShown.get(name);
    const dead = new Set(
      [...(known?.recordedBy ?? [])].filter(([attempt]) => known?.tombstoned.has(attempt)).map(([, run]) => run),
    );
    const shown = work.places.map((place) => [place, this.#shown.get(`${by} ${place.at}`)] as const);
    const match = [...this.#runs.values()].filter(
      (run) =>
        run.over?.ok &&
        run.recorded !== undefined &&
        run.work.label === work.label &&
        shown.every(([place, look]) => run.left.get(place.at)?.state === look?.state),
    );
    if (match.length === 0)
      return this.#wrong(`${who}, and what is there is not what one run left: ${describe(shown)}`);
    if (match.every((run) => dead.has(run))) this.#wrong(`${who} from a record that was invalidated`);
    // Others may have begun there since.
    const beat = this.#facts.beats.get(by);
    for (const { at, log: place } of work.places)
      if (!this.#log(place).views.some((view) => view?.committed?.beat === beat && !view.open))
        this.#wrong(`${who}, and the log of ${at} does not say so`);
  }

  #ended({ by, step, ended }: Extract<Entry, { kind: 'ended' }>): void {
    const work = this.#facts.work.get(by)!.get(step)!;
    if (ended === 'avoided kept-artifact') this.#restored(by, work);
    const runs = [...this.#runs.values()].filter((run) => run.by === by && run.work.step === step);
    if (ended === 'ran recorded') {
      const run = runs.at(-1);
      const log = run?.log === undefined ? undefined : this.#logs.get(run.log);
      const slot = log && [...log.recordedBy].findLast(([, one]) => one === run);
      if (!run || !slot) return this.#wrong(`process ${by} says that it recorded ${step}, and there is no record`);
      for (const { at } of work.places) this.#unchanged(run, at);
    }
    if (ended === 'refused parts-changed' && !this.#isInTheWay(by, work))
      this.#wrong(`process ${by} refused ${step}, and nothing there is in the way of what was kept`);
    if (ended === 'refused failed-elsewhere') {
      const { log } = this.#decided(by!, step)!;
      const { acquired, untouched } = this.#log(log!);
      const others = new Set([...acquired].filter(([n]) => !untouched.has(n)));
      if (others.size < work.attempts)
        this.#wrong(
          `process ${by} gave up ${step} after ${work.attempts} failures elsewhere, and only ${others.size} others tried`,
        );
    }
  }

  /** It was shown something that no run of this work has left, where nobody may remove it. */
  #isInTheWay(by: number, work: Work): boolean {
    const recorded = [...this.#runs.values()].filter(
      (run) => run.over?.ok && run.recorded !== undefined && run.work.label === work.label,
    );
    return work.places.some(({ at, extrasStay }) => {
      const there = [...(this.#shown.get(`${by} ${at}`)?.items.keys() ?? [])];
      return extrasStay && recorded.some(({ left }) => there.some((key) => !left.get(at)?.items.has(key)));
    });
  }

  /** Who says "recorded" has seen, after the record, that what he recorded still stands. */
  #unchanged(run: Run, place: string): void {
    const left = run.left.get(place);
    const last = this.#shown.get(`${run.by} ${place}`);
    if (left && last && left.state === last.state && last.at > (run.recorded ?? 0)) return;
    if (left && this.#stateAt(place).state === left.state) return;
    this.#wrong(`run ${run.run} is said to be recorded, and ${place} had changed before that`);
  }
}

/** Why what a run left is not its own work alone. */
function spoiltIn({ left, before, begun, work }: Run): string | undefined {
  for (const { at, mode } of work.places) {
    const since = before.get(at)?.at ?? begun;
    if (mode === 'merge') continue;
    for (const [key, item] of left.get(at)?.items ?? [])
      if (item.at < since) return `${key} was there before it began and is as it was`;
  }
  return undefined;
}

function stateOf(items: ReadonlyMap<string, Item>): string {
  return [...items]
    .map(([key, { text }]) => `${key}=${text}`)
    .sort()
    .join('\n');
}

function describe(shown: readonly (readonly [PlaceSpec, Shown | undefined])[]): string {
  return shown.map(([, look]) => JSON.stringify(look?.state.slice(0, 200))).join(', ');
}
