/** What `stepaside.config.yaml` says, checked; paths in it are resolved from its own folder. */
import type { Policy } from './policy.js';

export type StoreSetting =
  | {
      readonly kind: 's3';
      readonly endpoint?: string;
      readonly region?: string;
      readonly profile?: string;
      readonly pathStyle?: boolean;
      /** A file of certificates, absolute. */
      readonly ca?: string;
    }
  | {
      readonly kind: 'mount';
      /** Where the volume is mounted on this machine, absolute. */
      readonly mount: string;
    };

export interface Workspace {
  readonly cache: string;
  readonly parent?: string;
}

export interface Limits {
  readonly maxAgeMs?: number;
  readonly defaultMaxAgeMs?: number;
}

export interface Keep {
  readonly keepLast?: number;
  readonly keepForMs?: number;
}

export interface RetentionRules extends Keep {
  readonly steps: Readonly<Record<string, Keep>>;
}

export interface Trust {
  /** Files, absolute. */
  readonly publicKeys: readonly string[];
  readonly require: boolean;
}

export interface Config {
  /** The file it came from; absent if there is none. */
  readonly file?: string;
  readonly stores: Readonly<Record<string, StoreSetting>>;
  readonly workspaces: Readonly<Record<string, Workspace>>;
  readonly limits: Limits;
  readonly retention: RetentionRules;
  readonly trust: Trust;
  /** Own ones, in full. */
  readonly policies: Readonly<Record<string, Policy>>;
}

export const EMPTY_CONFIG: Config = {
  stores: {},
  workspaces: {},
  limits: {},
  retention: { steps: {} },
  trust: { publicKeys: [], require: false },
  policies: {},
};
