import type { Abilities, CallOptions } from '../store/store.js';
import { inOneTurn } from './one-turn.js';

type Uploads = NonNullable<Abilities['uploads']>;
type Upload = { readonly key: string; readonly startedAt: number };

/** One listing for all: more than this means that it is full of what nobody asked about. */
const MOST = 10_000;

interface Asked {
  readonly prefix: string;
  readonly give: (found: AsyncIterable<Upload> | readonly Upload[]) => void;
}

/**
 * Open uploads below several trees, asked for by what the trees have in common. Those of a single object are asked for by
 * its name alone: one server lists uploads under nothing but a whole key.
 */
export function gatherUploads(inner: () => Uploads): Uploads {
  const ask = inOneTurn<Asked>((asked) => answer(inner(), asked));
  return {
    openUploads(prefix: string, options?: CallOptions) {
      if (options !== undefined || !prefix.endsWith('/')) return inner().openUploads(prefix, options);
      return (async function* () {
        const found = await new Promise<AsyncIterable<Upload> | readonly Upload[]>((give) => ask({ prefix, give }));
        yield* found;
      })();
    },
  };
}

async function answer(inner: Uploads, asked: readonly Asked[]): Promise<void> {
  const alone = () => {
    for (const { prefix, give } of asked) give(inner.openUploads(prefix));
  };
  if (asked.length < 2) return alone();
  const all: Upload[] = [];
  try {
    for await (const upload of inner.openUploads(sharedBy(asked))) {
      if (all.length >= MOST) return alone();
      all.push(upload);
    }
  } catch {
    // Not allowed for all of them is not refused for each.
    return alone();
  }
  for (const { prefix, give } of asked) give(all.filter(({ key }) => key.startsWith(prefix)));
}

function sharedBy(asked: readonly Asked[]): string {
  let shared = asked[0]!.prefix;
  for (const { prefix } of asked) {
    let length = 0;
    while (length < shared.length && shared[length] === prefix[length]) length += 1;
    shared = shared.slice(0, length);
  }
  return shared.isWellFormed() ? shared : shared.slice(0, -1);
}
