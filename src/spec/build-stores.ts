import { resolve } from 'node:path';
import type { StoreSetting } from '../core/config.js';
import { defined } from './build-step.js';
import { refusePlaceholders } from './check-references.js';
import { type Issues, type Path, quote } from './issue.js';
import type { StoreInput } from './schema.js';

/** How to reach stores. Files and mounts are resolved from `folder`, where the file that names them is. */
export function buildStores(
  input: Readonly<Record<string, StoreInput>>,
  folder: string,
  at: Path,
  issues: Issues,
): Readonly<Record<string, StoreSetting>> {
  const built: Record<string, StoreSetting> = {};
  for (const [written, { mount, ca, ...s3 }] of Object.entries(input)) {
    const path = [...at, written];
    refusePlaceholders(written, path, 'a store is named literally', { issues }, 'key');
    for (const [field, value] of Object.entries({ mount, ca, ...s3 }))
      if (typeof value === 'string')
        refusePlaceholders(value, [...path, field], 'the setting of a store is taken literally', { issues });
    const uri = canonicalName(written);
    if (Object.hasOwn(built, uri)) {
      issues.error('config/conflict', path, `the store ${quote(uri)} is there already, written otherwise`, {
        part: 'key',
      });
      continue;
    }
    const volume = uri.startsWith('pvc:');
    if (volume) {
      for (const field of Object.keys(defined({ ca, ...s3 })))
        issues.error('config/conflict', [...path, field], 'a volume has a mount and nothing else', { part: 'key' });
      if (mount === undefined)
        issues.error('config/missing-field', path, 'the field "mount" is missing', {
          hint: 'write where the volume is mounted here, as in mount: /mnt/training',
        });
      else built[uri] = { kind: 'mount', mount: resolve(folder, mount) };
    } else {
      if (mount !== undefined)
        issues.error('config/conflict', [...path, 'mount'], 'only a volume (pvc://) is mounted', { part: 'key' });
      built[uri] = { kind: 's3', ...defined(s3), ...(ca !== undefined && { ca: resolve(folder, ca) }) };
    }
  }
  return built;
}

/** Settings are looked up as places are written in the end: `s3a://` is `s3://`, and a volume has no "/" after it. */
function canonicalName(uri: string): string {
  const name = uri.replace(/^s3[an]:/, 's3:');
  return name.startsWith('pvc:') ? name.replace(/\/$/, '') : name;
}
