import type { Wire } from './wire.js';

/** Requests sent so far, by what S3 bills them as; a repeated try counts again. */
export function countSent(wire: Wire): { readonly wire: Wire; sent(): Readonly<Record<string, number>> } {
  const sent: Record<string, number> = {};
  const count = (method: string) => {
    sent[method] = (sent[method] ?? 0) + 1;
  };
  const counting: Wire = {
    head(...about) {
      count('HEAD');
      return wire.head(...about);
    },
    get(...about) {
      count('GET');
      return wire.get(...about);
    },
    list(...about) {
      count('LIST');
      return wire.list(...about);
    },
    put(...about) {
      count('PUT');
      return wire.put(...about);
    },
    remove(...about) {
      count('DELETE');
      return wire.remove(...about);
    },
    begin(...about) {
      count('POST');
      return wire.begin(...about);
    },
    part(...about) {
      count('PUT');
      return wire.part(...about);
    },
    complete(...about) {
      count('POST');
      return wire.complete(...about);
    },
    abort(...about) {
      count('DELETE');
      return wire.abort(...about);
    },
    uploads(...about) {
      count('LIST uploads');
      return wire.uploads(...about);
    },
    close: () => wire.close(),
  };
  return { wire: counting, sent: () => ({ ...sent }) };
}
