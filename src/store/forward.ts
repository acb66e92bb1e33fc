import { type AbilityChanges, changeAbilities } from './abilities.js';
import type { Abilities, Store } from './store.js';
import { flattened } from './stream.js';

/**
 * A store that does what `inner` does, but for `changes`. Traits and abilities stay questions to `inner`: a driver
 * lowers a trait when its first use shows that the promise does not hold.
 */
export function forward(
  inner: Store,
  changes: Partial<Omit<Store, 'traits' | 'abilities'>>,
  abilities: Partial<AbilityChanges> = {},
): Store {
  const list = changes.list ?? ((prefix, options) => inner.list(prefix, options));
  return {
    name: inner.name,
    get traits() {
      return inner.traits;
    },
    get abilities() {
      return abilitiesOf();
    },
    head: (key, options) => inner.head(key, options),
    read: (key, options) => inner.read(key, options),
    write: (key, body, options) => inner.write(key, body, options),
    remove: (key, options) => inner.remove(key, options),
    close: () => inner.close(),
    ...changes,
    // By pages where they come in pages: a wrapper then acts a thousand times less often.
    list(prefix, options) {
      const { pages } = abilitiesOf();
      return pages ? flattened(pages.pages(prefix, options)) : list(prefix, options);
    },
  };

  function abilitiesOf(): Abilities {
    const { pages, ...rest } = changeAbilities(inner.abilities, abilities);
    // Who changes listings and knows nothing of pages must not be gone round by them.
    return pages === undefined || (changes.list && !abilities.pages) ? rest : { ...rest, pages };
  }
}
