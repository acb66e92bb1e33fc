import { StepasideError } from '../core/error.js';
import { isTree, type Location, parseLocation } from '../core/location.js';
import { blake3 } from '../hash.js';
import { type OpenPlaces, openPlaces } from '../preset.js';
import { type Command, UsageError } from './command.js';
import { examine, type Finding } from './examine.js';
import { EXIT } from './exit.js';
import { loadSurroundings, loadWork } from './load.js';
import { type Paint, printable } from './terminal.js';

const MARK: Record<Finding['level'], readonly [sign: string, colour: keyof Paint]> = {
  fact: ['·', 'dim'],
  good: ['✓', 'good'],
  warn: ['!', 'warn'],
  bad: ['✗', 'bad'],
};

export const doctor: Command = async (args, terminal) => {
  const byFile = args.one('file') !== undefined;
  const loaded = byFile ? await loadWork(args, terminal) : undefined;
  if (loaded && !loaded.ok) return EXIT.usage;
  const surroundings = loaded?.surroundings ?? (await loadSurroundings(args, terminal));
  if (!surroundings) return EXIT.usage;
  const probe = args.on('probe');
  const named =
    args.words.length > 0
      ? args.words
      : [...(loaded ? [loaded.workflow.cache] : []), ...Object.keys(surroundings.config.stores)];
  // A store of the config may hold anybody's data: the probe writes only where it was told to, or where our cache is.
  const mayProbe = new Set(args.words.length > 0 ? args.words : loaded ? [loaded.workflow.cache] : []);
  const locations = named.map((word) => ({ word, location: asTree(word) }));
  if (probe && args.words.length === 0 && !loaded) {
    throw new UsageError(
      '--probe writes: below which LOCATION?',
      "give your cache's prefix, as in s3://bucket/_stepaside/",
    );
  }

  const places = openPlaces(surroundings);
  const results: { readonly location: string; readonly findings: readonly Finding[] }[] = [
    { location: 'this machine', findings: machine() },
  ];
  try {
    for (const { word, location } of locations)
      results.push({ location: word, findings: await examineSafely(places, location, probe && mayProbe.has(word)) });
  } finally {
    await places.close();
  }
  const bad = results.some(({ findings }) => findings.some(({ level }) => level === 'bad'));
  const exit = bad ? EXIT.unsure : EXIT.good;
  if (args.on('json')) terminal.json('doctor', { exitCode: exit, results });
  else for (const result of results) show(result);
  if (locations.length === 0)
    terminal.note('no stores to examine: name a LOCATION, or list stores: in stepaside.config.yaml');
  return exit;

  function show({ location, findings }: (typeof results)[number]): void {
    const { paint } = terminal;
    terminal.data(paint.bold(printable(location)));
    for (const { level, what, text, fix } of findings) {
      const [sign, colour] = MARK[level];
      terminal.data(`  ${paint[colour](sign)} ${what.padEnd(16)} ${printable(text)}`);
      if (fix !== undefined) terminal.data(`    ${' '.repeat(16)} ${paint.dim('fix:')} ${printable(fix)}`);
    }
  }
};

/** A store is examined below a prefix: a slash that was left out is meant. */
function asTree(word: string): Location {
  const location = parseLocation(word);
  return isTree(location) ? location : parseLocation(`${word}/`);
}

async function examineSafely(places: OpenPlaces, location: Location, probe: boolean): Promise<readonly Finding[]> {
  try {
    return await examine(places.at(location), { probe });
  } catch (error) {
    if (!(error instanceof StepasideError)) throw error;
    return [
      {
        level: 'bad',
        what: 'cannot look',
        text: error.message,
        ...(error.hint === undefined ? {} : { fix: error.hint }),
      },
    ];
  }
}

function machine(): readonly Finding[] {
  const { implementation } = blake3();
  const ca = process.env['NODE_EXTRA_CA_CERTS'];
  return [
    { level: 'fact', what: 'Node', text: process.version },
    implementation === 'native'
      ? { level: 'good', what: 'BLAKE3', text: 'native' }
      : {
          level: 'warn',
          what: 'BLAKE3',
          text: 'portable (WebAssembly): correct, several times slower',
          fix: 'npm install without --omit=optional',
        },
    ...(ca
      ? [
          {
            level: 'warn' as const,
            what: 'start',
            text: 'NODE_EXTRA_CA_CERTS is set: Node reads all its certificates at every start (some 30 ms)',
            fix: 'name the file as ca: of the store that needs it',
          },
        ]
      : []),
  ];
}
