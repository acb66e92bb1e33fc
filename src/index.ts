/** The public surface: named exports, nothing else. */
export type { Digest, WorkKey } from './core/brand.js';
export { type Condition, judge, type PathQuestion, type Truth } from './core/condition.js';
export { type Control, decide, type KeyState, type Situation } from './core/decide.js';
export type { Json } from './core/encoding.js';
export { ConfigError, IntegrityError, StepasideError, StepError, StoreError } from './core/error.js';
export { type Component, type Difference, differences, workKey } from './core/key.js';
export { POLICIES } from './core/policies.js';
export type { Policy } from './core/policy.js';
export { type Because, REASONS, type Reason, type Verdict } from './core/reason.js';
export type { Sighting, State } from './core/sighting.js';
export type { Event, Outcome, Summary } from './engine/events.js';
export type { Ran } from './engine/run.js';
export { type Blake3, blake3 } from './hash.js';
export {
  type RunOptions,
  type Stepaside,
  type StepasideOptions,
  type StepContext,
  type StepFunction,
  type StepOptions,
  stepaside,
} from './library.js';
export { askPresence } from './look/ask.js';
export type { Place, Places } from './look/places.js';
export { type OpenPlaces, openPlaces, type Surroundings } from './preset.js';
