import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { maxAge } from '../core/freshness.js';
import { isTree, type Location } from '../core/location.js';
import type { Output } from '../core/step.js';
import type { Outcome } from '../engine/events.js';
import { type OwnOutput, ownOutputs } from '../engine/places.js';
import type { Seen, Subject } from '../engine/situation.js';
import type { OpenEngine } from '../open-engine.js';
import { diskPath } from '../preset.js';
import type { Asked, Grounds } from '../quick/leave-hint.js';
import { configsUpward, findConfig } from '../spec/find-config.js';
import type { Terminal } from './terminal.js';

export function askingOf({ cwd, env }: Terminal): Asked {
  return { argv: process.argv.slice(2), cwd, env };
}

/**
 * Watches a run and gathers what its answers hang on, as far as all of it lies on disks of this machine: then the next
 * one who asks the same need not load any of this. Whatever is out of the ordinary makes it give up.
 */
export class HintNotes {
  readonly #epoch: { readonly path: string; readonly text: string } | undefined;
  readonly #begun = Date.now();
  readonly #engine: OpenEngine;
  readonly #inputs = new Map<string, string>();
  readonly #files = new Set<string>();
  readonly #trees = new Set<string>();
  readonly #searched = new Map<string, boolean>();
  #until = Number.POSITIVE_INFINITY;
  #sure = true;

  constructor(engine: OpenEngine) {
    this.#engine = engine;
    this.#epoch = engine.epochFile === undefined ? undefined : epochAt(engine.epochFile);
    if (!this.#epoch) this.#sure = false;
  }

  /** A step ended: what did that hang on? */
  see({ workflow, instance }: Subject, seen: Seen, outcome: Outcome): void {
    if (!this.#sure) return;
    const { step, resolved } = instance;
    const sure =
      // A hint holds the words and texts that were given, and no secret may stand in it.
      Object.values(workflow.params).every(({ secret }) => !secret) &&
      outcome.status === 'avoided' &&
      outcome.verdict.reason === 'parts-match' &&
      resolved.when === undefined &&
      // A tag may stand for another image by now: only the long way asks.
      (resolved.image === undefined || resolved.image.includes('@')) &&
      resolved.inputs.paths.length === 0 &&
      workflow.policies[step.policy]!.withRecord === 'parts' &&
      this.#seeOutputs(resolved.outputs);
    if (!sure) this.#sure = false;
    this.#seeInputs(workflow.folder, resolved.inputs.files, seen);
    const { maxAgeMs, maxStalenessMs } = step.memoize;
    const limit = maxAge({
      ...(maxAgeMs === undefined ? {} : { maxAgeMs }),
      ...(maxStalenessMs === undefined ? {} : { maxStalenessMs }),
      limits: this.#engine.limits,
    });
    // Whichever record it was: none is older than the oldest.
    if (limit !== undefined)
      for (const { producedAt } of seen.stored) this.#until = Math.min(this.#until, producedAt + limit);
  }

  grounds(folder: string, texts: readonly string[], absent: readonly string[] = []): Grounds | undefined {
    if (!this.#sure || !this.#epoch) return undefined;
    const config = findConfig(folder);
    return {
      epoch: this.#epoch,
      begun: this.#begun,
      texts: [...texts, ...(config === undefined ? [] : [config])],
      absent: [...absent, ...configsBefore(config, folder)],
      inputs: this.#inputs,
      files: [...this.#files],
      trees: [...this.#trees],
      searched: this.#searched,
      until: Number.isFinite(this.#until) ? this.#until : undefined,
    };
  }

  /** Names were looked for in this folder, and in those below it. */
  search(folder: string, below: boolean): void {
    this.#searched.set(folder, below || this.#searched.get(folder) === true);
  }

  #seeInputs(folder: string, patterns: readonly string[], { keyed }: Seen): void {
    for (const { group, name, value } of keyed.components)
      if (group === 'files') this.#inputs.set(resolve(folder, name!), String(value));
    // A pattern's answer hangs on which names there are, in every folder it goes through.
    for (const pattern of patterns) {
      if (pattern.startsWith('!') || !MAGIC.test(pattern)) continue;
      const base = pattern.split('/').slice(0, -1);
      const magic = base.findIndex((segment) => MAGIC.test(segment));
      this.search(resolve(folder, ...(magic < 0 ? base : base.slice(0, magic))), magic >= 0);
    }
  }

  #seeOutputs(outputs: readonly Output[]): boolean {
    const owns = ownOutputs(outputs);
    // What has no path is a probe or a value, and hangs on more than files.
    return owns.length === outputs.length && owns.every((own) => this.#seePlace(own));
  }

  #seePlace({ location, marker }: OwnOutput): boolean {
    const at = this.#onDisk(location);
    const marked = marker && this.#onDisk(marker.location);
    if (at === undefined || (marker && marked === undefined)) return false;
    if (isTree(location)) this.#trees.add(at);
    else this.#files.add(at);
    if (marked !== undefined) this.#files.add(marked);
    return true;
  }

  /** Where it really is, if that is a disk of this machine. */
  #onDisk(location: Location): string | undefined {
    const { stores, folder } = this.#engine.naming;
    if (location.kind === 's3' || this.#engine.places.at(location).store.traits.remote) return undefined;
    return diskPath(location, { folder, config: { stores } });
  }
}

/** What makes a name a pattern; an escaped one is taken for a pattern, which is only slower. */
const MAGIC = /[*?[\]{}()!+@|\\]/;

/** Where a config would be found before this one, and is none. */
function configsBefore(found: string | undefined, folder: string): readonly string[] {
  const all = [...configsUpward(folder)];
  return found === undefined ? all : all.slice(0, all.indexOf(found));
}

/** Written with the cache's first slot: without one there is nothing to hint at. One that is just being made is empty. */
function epochAt(path: string): { readonly path: string; readonly text: string } | undefined {
  try {
    const text = readFileSync(path, 'utf8');
    return text === '' ? undefined : { path, text };
  } catch {
    return undefined;
  }
}
