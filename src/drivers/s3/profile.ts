import { join } from 'node:path';
import { type Ini, parseIni } from './ini.js';

export type Environment = Readonly<Record<string, string | undefined>>;
/** The text of a file, or `undefined` if it cannot be read. */
export type ReadText = (path: string) => string | undefined;

export interface Profile {
  readonly name: string;
  /** From `~/.aws/config`. */
  readonly config: Readonly<Record<string, string>>;
  /** From `~/.aws/credentials`. */
  readonly credentials: Readonly<Record<string, string>>;
  /** The `[services NAME]` section that the profile names. */
  readonly services: Readonly<Record<string, string>>;
  /** False if neither file knows this name. */
  readonly exists: boolean;
}

export function profileName(profile: string | undefined, env: Environment): string {
  return profile || env['AWS_PROFILE'] || env['AWS_DEFAULT_PROFILE'] || 'default';
}

/** What the shared files say about one profile; a file that is not there says nothing. */
export function readProfile(name: string, env: Environment, readText: ReadText): Profile {
  const folder = join(env['HOME'] || env['USERPROFILE'] || '/', '.aws');
  const config = parse(readText(env['AWS_CONFIG_FILE'] || join(folder, 'config')));
  const secrets = parse(readText(env['AWS_SHARED_CREDENTIALS_FILE'] || join(folder, 'credentials')));
  const fromConfig = config.get(`profile ${name}`) ?? (name === 'default' ? config.get('default') : undefined);
  const fromSecrets = secrets.get(name);
  return {
    name,
    config: fromConfig ?? {},
    credentials: fromSecrets ?? {},
    services: config.get(`services ${fromConfig?.['services'] ?? ''}`) ?? {},
    exists: fromConfig !== undefined || fromSecrets !== undefined,
  };
}

function parse(text: string | undefined): Ini {
  return text === undefined ? new Map() : parseIni(text);
}
