import type { Sighting, State } from '../core/sighting.js';
import { type Paint, printable, type Terminal } from './terminal.js';

const COLOUR: Record<State, keyof Paint> = {
  present: 'good',
  absent: 'bad',
  partial: 'bad',
  outdated: 'bad',
  archived: 'bad',
  unverified: 'warn',
  unknown: 'warn',
};
const WIDTH = Math.max(...Object.keys(COLOUR).map((state) => state.length));

/** State first, then the place, then why; below it the evidence (-v) and what to do. */
export function describeSighting(
  sighting: Sighting,
  { paint, verbose }: Pick<Terminal, 'paint' | 'verbose'>,
): readonly string[] {
  const { state, uri, why, doubt } = sighting;
  const lines = [`${paint[COLOUR[state]](state.padEnd(WIDTH))}  ${printable(uri)}  ${paint.dim(printable(why))}`];
  if (verbose) for (const fact of factsOf(sighting)) lines.push(`${' '.repeat(WIDTH + 2)}${printable(fact)}`);
  if (doubt?.hint !== undefined) lines.push(`${' '.repeat(WIDTH + 2)}${paint.dim('hint:')} ${printable(doubt.hint)}`);
  return lines;
}

function factsOf({ parts, bytes, etag, modifiedAt, marker, doubt }: Sighting): readonly string[] {
  return [
    ...(parts === undefined ? [] : [`${parts} counting parts, ${bytes ?? 0} bytes`]),
    ...(etag === undefined ? [] : [`ETag ${etag}`]),
    ...(modifiedAt === undefined ? [] : [`modified ${new Date(modifiedAt).toISOString()}`]),
    ...(marker === undefined
      ? []
      : [
          `marker ${marker.uri} (${marker.kind}${marker.jobId === undefined ? '' : `, job ${marker.jobId}`}), ${new Date(marker.modifiedAt).toISOString()}`,
        ]),
    ...(doubt === undefined ? [] : [doubt.code]),
  ];
}
