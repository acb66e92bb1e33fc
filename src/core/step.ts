/** What a workflow file says, checked and with its defaults filled in; placeholders still as written. */
import type { Condition } from './condition.js';
import type { StoreSetting } from './config.js';
import type { Json } from './encoding.js';
import type { Policy } from './policy.js';

export type Scalar = string | number | boolean;

export interface Param {
  /** Absent: the caller must give it. */
  readonly value?: Scalar;
  readonly secret: boolean;
}

export interface Need {
  readonly step: string;
  /** One instance of a step with `forEach`, as in `clean[{{each.date}}]`; without it all of them. */
  readonly item?: string;
  /** `order` only: nothing of that step's outputs is consumed. */
  readonly order: boolean;
}

/** A shell string, or an argv list that no shell sees. */
export type Command = string | readonly string[];

export interface Script {
  readonly interpreter: readonly string[];
  readonly source: string;
}

export interface Output {
  readonly name: string;
  /** A place; or `probe`, a command that says whether the output is there (0 present, 10 absent, else unknown). */
  readonly path?: string;
  readonly probe?: Command;
  readonly keep: 'place' | 'artifact';
  readonly marker?: string;
  /** What the marker's contents must be: nothing said = presence. `content` excludes `match`. */
  readonly match?: 'key' | 'stepaside';
  readonly content?: string;
  readonly markerBy: 'producer' | 'stepaside';
  readonly mode?: 'replace' | 'merge';
  readonly min?: number;
  readonly minBytes?: number;
  /** The author's word that this output appears all at once. */
  readonly atomic: boolean;
  readonly hash: 'auto' | 'always' | 'never';
  readonly outdatedMarker?: 'run' | 'ignore';
}

export interface Memoize {
  readonly key?: string;
  readonly scope?: string;
  readonly maxAgeMs?: number;
  readonly maxStalenessMs?: number;
  readonly seed?: string;
  readonly waitMs: number;
  readonly attempts: number;
}

/** Which parameters enter the key: those referenced (undefined), exactly these, or all referenced but these. */
export type ParamChoice = readonly string[] | { readonly except: readonly string[] };

export interface Inputs {
  readonly params?: ParamChoice;
  readonly files: readonly string[];
  readonly paths: readonly string[];
  readonly values: Readonly<Record<string, Json>>;
}

/** A list of items, or an arithmetic series with both ends included. Never expanded before somebody asks. */
export type Series =
  | { readonly kind: 'list'; readonly items: readonly Scalar[] }
  | { readonly kind: 'integers'; readonly from: number; readonly to: number; readonly every: number }
  | { readonly kind: 'dates'; readonly from: string; readonly to: string; readonly everyMs: number };

export interface Step {
  readonly name: string;
  readonly needs: readonly Need[];
  readonly when?: Condition;
  readonly run?: Command;
  readonly script?: Script;
  readonly image?: string;
  readonly env: Readonly<Record<string, string>>;
  readonly inputs: Inputs;
  readonly outputs: readonly Output[];
  /** By name; the workflow holds what the name means. */
  readonly policy: string;
  readonly memoize: Memoize;
  readonly memo: boolean | readonly string[];
  /** name -> series; several make the product, the last one varying fastest. */
  readonly forEach: Readonly<Record<string, Series>>;
  readonly retries: number;
  readonly timeoutMs?: number;
  readonly validate?: Command;
  readonly whenUnknown?: 'run' | 'refuse';
}

export interface Workflow {
  readonly name: string;
  /** The file it came from, and the folder that relative paths and commands are relative to. */
  readonly file: string;
  readonly folder: string;
  readonly params: Readonly<Record<string, Param>>;
  readonly cache: string;
  /** Of this file alone; the caller lays them over those of `stepaside.config.yaml`. */
  readonly stores: Readonly<Record<string, StoreSetting>>;
  /** The six built-in ones, those of the config and those of this file, in full. */
  readonly policies: Readonly<Record<string, Policy>>;
  readonly steps: readonly Step[];
}
