import { randomBytes } from 'node:crypto';
import { s3Store } from '../../src/drivers/s3/s3.js';
import { probeStore } from '../../src/store/probe.js';
import type { Store } from '../../src/store/store.js';
import { startRacyStandIn } from '../rig/racy-stand-in.js';
import type { S3Facts } from '../rig/s3-server.js';
import { startS3rver } from '../rig/s3rver.js';
import { hasS3sFs, startS3sFs } from '../rig/s3s-fs.js';
import { sdkMakeBucket, Witness } from '../rig/sdk.js';
import { allowOnlyObjects } from './f11-policy.js';
import { archived, confused, noListRightAtAws, oddAnswers, refusing } from './f11-proxied.js';

export interface Question {
  readonly what: string;
  /** `present`, `absent`, ... or a StoreError thrown. */
  readonly ask: () => Promise<string>;
  readonly wanted: readonly string[];
}

export interface Opened {
  readonly questions: readonly Question[];
  close(): Promise<void>;
}

export interface Row {
  readonly name: string;
  /** Nothing is wrong here: it shows that the others are not refused for being asked. Counts as no injection. */
  readonly control?: true;
  open(server: S3Facts): Promise<Opened>;
}

const text = (words: string) => new TextEncoder().encode(words);
export const wires = ['lean', 'sdk'] as const;
type Changes = Partial<Parameters<typeof s3Store>[0]>;

export function open(server: S3Facts, bucket: string, changes: Changes = {}): Store {
  const { endpoint, region, credentials } = server;
  const timeouts = { connectMs: 5_000, firstByteMs: 5_000, idleMs: 5_000, totalMs: 10_000 };
  return s3Store({ bucket, endpoint, region, credentials, timeouts, pathStyle: true, ...changes });
}

export async function bucketWith(server: S3Facts, keys: readonly string[], versioned = false): Promise<string> {
  const bucket = `f11-${randomBytes(6).toString('hex')}`;
  await sdkMakeBucket(server, bucket, versioned);
  const witness = new Witness(server, bucket);
  for (const key of keys) await witness.put(key, text(`I am ${key}`));
  witness.close();
  return bucket;
}

/** Every verb of the port, on one key; a store that answers none of them must say the same each time. */
export function everyVerb(store: Store, key: string, wanted: readonly string[]): Question[] {
  const verbs = ['head', 'read', 'list', 'write', 'create', 'remove'] as const;
  return verbs.map((verb) => ({ what: `${verb} ${key}`, ask: () => answerTo(store, verb, key), wanted }));
}

export async function answerTo(
  store: Store,
  verb: 'head' | 'read' | 'list' | 'write' | 'create' | 'remove',
  key: string,
): Promise<string> {
  switch (verb) {
    case 'head':
      return (await store.head(key)) === undefined ? 'absent' : 'present';
    case 'read': {
      const found = await store.read(key);
      if (found === undefined) return 'absent';
      for await (const _ of found.body);
      return 'present';
    }
    case 'list': {
      for await (const head of store.list(key)) if (head.key === key) return 'present';
      return 'absent';
    }
    case 'write':
      return (await store.write(key, text('x'))).written ? 'written' : 'not written';
    case 'create':
      return (await store.write(key, text('x'), { ifAbsent: true })).written ? 'written' : 'not written';
    case 'remove':
      await store.remove(key);
      return 'removed';
  }
}

/** One store a wire; each is new for each question, as a fresh process would be. */
export function onBothWires(make: (wire: 'lean' | 'sdk') => Store, ask: (store: Store) => Question[]): Opened {
  const stores: Store[] = [];
  const questions = wires.flatMap((wire) => {
    const store = make(wire);
    stores.push(store);
    return ask(store).map((question) => ({ ...question, what: `${wire} ${question.what}` }));
  });
  return { questions, close: async () => void (await Promise.all(stores.map((store) => store.close()))) };
}

const wrongBucket: Row = {
  name: 'the bucket is not there',
  open: async (server) =>
    onBothWires(
      (wire) => open(server, `nobody-made-${randomBytes(4).toString('hex')}`, { wire }),
      (store) => everyVerb(store, 'k', ['store/no-bucket']),
    ),
};

const wrongSecret: Row = {
  name: 'the secret is wrong',
  open: async (server) => {
    const bucket = await bucketWith(server, ['there']);
    const credentials = { ...server.credentials, secretAccessKey: 'not-the-secret' };
    return onBothWires(
      (wire) => open(server, bucket, { wire, credentials }),
      (store) => ['there', 'missing'].flatMap((key) => everyVerb(store, key, ['store/denied'])),
    );
  },
};

const unknownKey: Row = {
  name: 'nobody knows the access key',
  open: async (server) => {
    const bucket = await bucketWith(server, ['there']);
    const credentials = { accessKeyId: 'NOBODYKNOWSME', secretAccessKey: 'whatever' };
    return onBothWires(
      (wire) => open(server, bucket, { wire, credentials }),
      (store) => ['there', 'missing'].flatMap((key) => everyVerb(store, key, ['store/denied'])),
    );
  },
};

const skewedClock: Row = {
  name: 'our clock is 20 minutes ahead',
  open: async (server) => {
    const bucket = await bucketWith(server, ['there']);
    const now = () => Date.now() + 20 * 60_000;
    return onBothWires(
      (wire) => open(server, bucket, { wire, now }),
      (store) => ['there', 'missing'].flatMap((key) => everyVerb(store, key, ['store/clock-skew'])),
    );
  },
};

const deleteMarker: Row = {
  name: 'a delete marker is the newest version',
  open: async (server) => {
    const bucket = await bucketWith(server, ['gone', 'stays'], true);
    const witness = new Witness(server, bucket);
    await witness.remove('gone');
    witness.close();
    return onBothWires(
      (wire) => open(server, bucket, { wire }),
      (store) =>
        (['head', 'read', 'list'] as const).flatMap((verb) => [
          { what: `${verb} gone`, ask: () => answerTo(store, verb, 'gone'), wanted: ['absent'] },
          { what: `${verb} stays`, ask: () => answerTo(store, verb, 'stays'), wanted: ['present'] },
        ]),
    );
  },
};

const noListRight: Row = {
  name: 'the right to list is missing (second account, bucket policy)',
  open: async (server) => {
    const bucket = await bucketWith(server, ['there']);
    await allowOnlyObjects(server, bucket);
    // AWS and RGW answer 403 for a missing key then; versitygw says NoSuchKey all the same, which is an answer.
    const missing = server.name === 'radosgw' ? ['store/denied'] : ['absent'];
    return onBothWires(
      (wire) => open(server, bucket, { wire, credentials: server.stranger!.credentials }),
      (store) => [
        { what: 'head there', ask: () => answerTo(store, 'head', 'there'), wanted: ['present'] },
        { what: 'head missing', ask: () => answerTo(store, 'head', 'missing'), wanted: missing },
        { what: 'read missing', ask: () => answerTo(store, 'read', 'missing'), wanted: missing },
        { what: 'list', ask: () => answerTo(store, 'list', 'there'), wanted: ['store/denied'] },
      ],
    );
  },
};

function probed(store: Store): Promise<string> {
  return probeStore(store, { prefix: 'cache/' }).then(({ exclusiveCreate, findings }) => {
    const sequence = findings.find(({ check }) => check === 'sequence')?.outcome;
    const race = findings.find(({ check }) => check === 'race')?.outcome;
    return exclusiveCreate === 'yes' ? 'exclusive' : `sequence ${sequence}, race ${race}`;
  });
}

const ignoresConditions: Row = {
  name: 'a server that ignores conditions (s3rver)',
  open: async () => {
    const server = await startS3rver(['ignored']);
    const opened = onBothWires(
      (wire) => open(server, 'ignored', { wire }),
      (store) => [{ what: 'probe', ask: () => probed(store), wanted: ['sequence failed, race failed'] }],
    );
    return { ...opened, close: () => opened.close().then(() => server.stop()) };
  },
};

const racesWrong: Row = {
  name: 'a server that is right in sequence and wrong in a race',
  open: async () => {
    const server = await startRacyStandIn();
    const opened = onBothWires(
      (wire) => open(server, 'racy', { wire }),
      (store) => [{ what: 'probe', ask: () => probed(store), wanted: ['sequence passed, race failed'] }],
    );
    return { ...opened, close: () => opened.close().then(() => server.stop()) };
  },
};

const s3sFs: Row = {
  name: 'a server of others that races wrong (s3s-fs)',
  open: async () => {
    const server = await startS3sFs();
    await server.makeBucket('racy');
    const opened = onBothWires(
      (wire) => open(server, 'racy', { wire }),
      (store) => [{ what: 'probe', ask: () => probed(store), wanted: ['sequence passed, race failed'] }],
    );
    return { ...opened, close: () => opened.close().then(() => server.stop()) };
  },
};

const honest: Row = {
  name: 'a server that keeps its word is not accused',
  control: true,
  open: async (server) => {
    const bucket = await bucketWith(server, []);
    return onBothWires(
      (wire) => open(server, bucket, { wire }),
      (store) => [{ what: 'probe', ask: () => probed(store), wanted: ['exclusive'] }],
    );
  },
};

/** RGW ignores conditions there (../../../research/s3-servers.md), versitygw does not. */
const versionedRadosgw: Row = {
  name: 'conditions are ignored in a versioned bucket (radosgw)',
  open: async (server) => {
    const bucket = await bucketWith(server, [], true);
    return onBothWires(
      (wire) => open(server, bucket, { wire }),
      (store) => [{ what: 'probe', ask: () => probed(store), wanted: ['sequence failed, race failed'] }],
    );
  },
};

export function rowsFor(server: S3Facts): Row[] {
  return [
    wrongBucket,
    wrongSecret,
    unknownKey,
    skewedClock,
    deleteMarker,
    honest,
    archived,
    noListRightAtAws,
    ...(server.stranger === undefined ? [] : [noListRight]),
    ...(server.name === 'radosgw' ? [versionedRadosgw] : []),
    ignoresConditions,
    racesWrong,
    ...(hasS3sFs() ? [s3sFs] : []),
    ...confused,
    ...refusing,
    ...oddAnswers,
  ];
}
