import { type AbilityChanges, changeAbilities } from './abilities.js';
import type { Store } from './store.js';

/**
 * A store that does what `inner` does, but for `changes`. Traits and abilities stay questions to `inner`: a driver
 * lowers a trait when its first use shows that the promise does not hold.
 */
export function forward(
  inner: Store,
  changes: Partial<Omit<Store, 'traits' | 'abilities'>>,
  abilities: Partial<AbilityChanges> = {},
): Store {
  return {
    name: inner.name,
    get traits() {
      return inner.traits;
    },
    get abilities() {
      return changeAbilities(inner.abilities, abilities);
    },
    head: (key, options) => inner.head(key, options),
    read: (key, options) => inner.read(key, options),
    list: (prefix, options) => inner.list(prefix, options),
    write: (key, body, options) => inner.write(key, body, options),
    remove: (key, options) => inner.remove(key, options),
    close: () => inner.close(),
    ...changes,
  };
}
