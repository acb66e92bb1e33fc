import type { Abilities } from './store.js';

/** How a wrapper changes what only some stores can do. What it does not name is handed on as it is. */
export type AbilityChanges = {
  readonly [K in keyof Abilities]-?: (inner: NonNullable<Abilities[K]>) => NonNullable<Abilities[K]>;
};

/** What the inner store cannot do stays missing: callers tell by that, and a wrapper must not promise it. */
export function changeAbilities(inner: Abilities, changes: Partial<AbilityChanges>): Abilities {
  const { uploads, multipart, folders, pages, pathOf, describe, clock } = inner;
  return {
    ...inner,
    ...(uploads && changes.uploads && { uploads: changes.uploads(uploads) }),
    ...(multipart && changes.multipart && { multipart: changes.multipart(multipart) }),
    ...(folders && changes.folders && { folders: changes.folders(folders) }),
    ...(pages && changes.pages && { pages: changes.pages(pages) }),
    ...(pathOf && changes.pathOf && { pathOf: changes.pathOf(pathOf) }),
    ...(describe && changes.describe && { describe: changes.describe(describe) }),
    ...(clock && changes.clock && { clock: changes.clock(clock) }),
  };
}
