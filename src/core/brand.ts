/** Strings that must not be mixed up: the compiler keeps them apart, at run time they are plain strings. */
declare const brand: unique symbol;
type Brand<T extends string> = string & { readonly [brand]: T };

/** Identity of work: the digest of a step's named components. */
export type WorkKey = Brand<'WorkKey'>;
/** Identity of content, describing its own algorithm: `blake3-<64 hex>`. */
export type Digest = Brand<'Digest'>;
/** A key of our own in a store, in the form every server keeps intact (see store-key.ts). */
export type StoreKey = Brand<'StoreKey'>;
