/**
 * The one port. A driver implements it naively: no retry, no cache, no limit, no log (those are wrappers, each itself a
 * Store). Absent is not unknown: `undefined` means surely not there; every doubt is thrown as a StoreError.
 * Keys are text, compared byte by byte. A listing answers in UTF-8 order where `traits.orderedList` says so.
 */
export interface ReadStore {
  /** As in `s3://bucket` or `/mnt/claim`: for messages, never for decisions. */
  readonly name: string;
  readonly traits: StoreTraits;
  readonly abilities: Abilities;
  /** One object's facts; `undefined` if it is surely absent (its bucket or mount being there). */
  head(key: string, options?: CallOptions): Promise<Head | undefined>;
  /** Its bytes, whole or `length` of them from `offset`; a body cut short throws while it is read. Past the end: empty. */
  read(key: string, options?: ReadOptions): Promise<Found | undefined>;
  /** Every object whose key begins with `prefix` (a plain prefix, no folder), after `after`. Breaking off early is fine. */
  list(prefix: string, options?: ListOptions): AsyncIterable<Head>;
  /** May be called twice. Afterwards every call throws `store/closed`. */
  close(): Promise<void>;
}

export interface Store extends ReadStore {
  /** All or nothing, durable when it returns. With `ifAbsent` exactly one of any number of writers gets `written`. */
  write(key: string, body: Uint8Array, options?: WriteOptions): Promise<Written>;
  /** Afterwards the key is absent; removing what is not there is fine. */
  remove(key: string, options?: CallOptions): Promise<void>;
}

export interface Head {
  readonly key: string;
  readonly size: number;
  /** The server's version tag, unquoted. Absent on file systems and on the rare server that lists without it. */
  readonly etag?: string;
  readonly versionId?: string;
  /** Milliseconds since 1970 by the store's clock; HEAD over HTTP knows whole seconds only. */
  readonly modifiedAt: number;
  readonly storageClass?: string;
  /** The bytes cannot be had before somebody restores them from an archive. */
  readonly archived?: boolean;
  /** What a file system knows in place of an ETag; all as decimal text, since nanoseconds exceed 2^53. */
  readonly file?: { readonly mtimeNs: string; readonly ctimeNs: string; readonly inode: string };
}

export interface Found {
  readonly head: Head;
  /** Once through. Read it or break off (`return()`, or the signal): until then it may hold a file or a connection open. */
  readonly body: AsyncIterable<Uint8Array>;
}

export interface CallOptions {
  /** Ends the call with the signal's reason. A write or removal that was under way may have been carried out all the same. */
  readonly signal?: AbortSignal;
}
export interface ReadOptions extends CallOptions {
  readonly offset?: number;
  readonly length?: number;
}
export interface ListOptions extends CallOptions {
  /** Only keys after this one, in UTF-8 order. */
  readonly after?: string;
  /** A hint: about this many are wanted. */
  readonly pageSize?: number;
}
export interface WriteOptions extends CallOptions {
  readonly ifAbsent?: boolean;
  /** The key says what the bytes are, and whoever reads them asks: on their way they need no more than a guard against accidents. */
  readonly namedByDigest?: boolean;
}

export type Written = { readonly written: true; readonly etag?: string } | { readonly written: false };

export interface StoreTraits {
  readonly kind: 'memory' | 'file' | 's3';
  /** The largest body `write` takes. */
  readonly maxValueBytes: number;
  /** Does `ifAbsent` exclude? `claimed` = the protocol says so and nobody has tried (see probe.ts); never `claimed` on files. */
  readonly exclusiveCreate: 'yes' | 'claimed' | 'no';
  /** A listing shows every write that ended before it began. */
  readonly strongList: boolean;
  readonly orderedList: boolean;
  /** Slow to ask, many questions at once pay (S3, NFS); false = ask synchronously, one by one. */
  readonly remote: boolean;
}

/** A store that can name the multipart uploads that were begun and not ended below a prefix. */
interface UploadsStore {
  openUploads(prefix: string, options?: CallOptions): AsyncIterable<OpenUpload>;
}

/** A store that has folders even where nothing lies in them. */
interface FoldersStore {
  /** The folders right below a tree; none if there is surely no tree. A doubt is thrown, as by `head`. */
  folders(
    tree: string,
    options?: CallOptions,
  ): Promise<readonly { readonly name: string; readonly modifiedAt: number }[]>;
  /** What a tree names right below it that is no folder, in no order and without a look at each. */
  names(tree: string, options?: CallOptions): Promise<readonly string[]>;
}

/** A store that takes an object in parts, sent side by side. Nothing of it is there before `complete` has ended. */
interface MultipartStore {
  begin(key: string, options?: CallOptions): Promise<MultipartUpload>;
  /** Numbers begin with 1; all parts but the last have one size, of 5 MiB or more. Its tag goes to `complete`. */
  part(upload: MultipartUpload, number: number, body: Uint8Array, options?: CallOptions): Promise<string>;
  /** The tags in the order of the parts. An answer that is lost leaves it open whether the object is there. */
  complete(upload: MultipartUpload, tags: readonly string[], options?: CallOptions): Promise<{ readonly etag: string }>;
  /** Afterwards its parts are gone; of what is completed or gone already nothing is changed. */
  abort(upload: MultipartUpload, options?: CallOptions): Promise<void>;
}

export interface MultipartUpload {
  readonly key: string;
  readonly id: string;
}

export interface OpenUpload {
  readonly key: string;
  /** Without it nobody can end it. */
  readonly id?: string;
  readonly startedAt: number;
}

/** A store whose listings come in pages. */
interface PagesStore {
  /** As `list`, in the pieces in which it comes: what is in one was asked for together. */
  pages(prefix: string, options?: ListOptions): AsyncIterable<Page>;
}

export interface Page {
  readonly heads: readonly Head[];
  /** Another one follows, and must be asked for. */
  readonly more: boolean;
}

/** What only some stores can do. Wrappers treat it as they treat the other calls, so that nobody needs a cast to a driver. */
export interface Abilities {
  readonly uploads?: UploadsStore;
  readonly multipart?: MultipartStore;
  readonly folders?: FoldersStore;
  readonly pages?: PagesStore;
  /** The file of this machine that an object is, if it is there: to be cloned or linked, never to be written to. */
  readonly pathOf?: (key: string) => string;
  /** Facts about the store for people, in the order to show them. */
  readonly describe?: (options?: CallOptions) => Promise<readonly (readonly [what: string, fact: string])[]>;
  /** Its clock minus ours. */
  readonly clock?: (options?: CallOptions) => Promise<{ readonly offsetMs: number; readonly uncertaintyMs: number }>;
  /** Requests sent so far, by kind: a listing is one for each page. Asks nobody. */
  readonly sent?: () => Readonly<Record<string, number>>;
}
