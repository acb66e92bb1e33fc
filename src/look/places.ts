import type { Location } from '../core/location.js';
import type { ReadStore } from '../store/store.js';

/** Where a location really is: which store, under which key there. The composition root knows; looking does not. */
export interface Places {
  at(location: Location): Place;
}

export interface Place {
  readonly store: ReadStore;
  readonly key: string;
  /** The one way this place is written. */
  readonly uri: string;
}
