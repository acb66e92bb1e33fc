import type { Engine } from './engine.js';
import { ownOutputs } from './places.js';
import { partsIn, type Seen, type Subject } from './situation.js';

/**
 * A restore that was killed may have left uploads to the objects of a record. They would be read as somebody who writes: what
 * the run that comes now leaves could never be proven.
 */
export async function endUploads(
  engine: Engine,
  { instance }: Subject,
  { stored }: Pick<Seen, 'stored'>,
): Promise<void> {
  if (engine.artifacts === undefined) return;
  for (const { output, location } of ownOutputs(instance.resolved.outputs)) {
    if (output.keep !== 'artifact' || location.kind !== 's3') continue;
    const paths = new Set<string>();
    for (const record of stored)
      for (const recorded of record.outputs)
        if (recorded.name === output.name)
          for (const { path } of (await partsIn(engine, recorded)) ?? []) paths.add(path);
    if (paths.size > 0) await engine.artifacts.endUploads(location, paths);
  }
}
