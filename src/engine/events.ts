import type { Digest } from '../core/brand.js';
import type { NotRecorded, Verdict } from '../core/reason.js';
import type { Recorded } from './commit.js';

/** What happens in a run, in order; the command line shows it and the library hands it on. */
export type Event =
  | {
      readonly type: 'run-begun';
      readonly run: string;
      readonly workflow: string;
      readonly steps: number;
      readonly cache: string;
    }
  | { readonly type: 'cache-warned'; readonly warning: string }
  | { readonly type: 'step-decided'; readonly step: string; readonly key?: string; readonly verdict: Verdict }
  | { readonly type: 'step-waiting'; readonly step: string; readonly for: string }
  | {
      readonly type: 'step-begun';
      readonly step: string;
      readonly attempt: number;
      readonly try: number;
      readonly log?: string;
    }
  | { readonly type: 'step-warned'; readonly step: string; readonly warning: string }
  | { readonly type: 'step-ended'; readonly step: string; readonly outcome: Outcome }
  | { readonly type: 'run-ended'; readonly run: string; readonly summary: Summary };

export type Events = (event: Event) => void;

/** How a step ended. */
export type Outcome =
  | {
      readonly status: 'avoided';
      readonly verdict: Verdict;
      readonly savedMs?: number;
      readonly value?: string;
      /** Of outputs that were put back and have other tags since. */
      readonly identities?: Readonly<Record<string, Digest>>;
    }
  | {
      readonly status: 'ran';
      readonly verdict: Verdict;
      readonly durationMs: number;
      readonly recorded: Recorded | NotRecorded;
      readonly value?: string;
    }
  | {
      readonly status: 'failed';
      readonly verdict: Verdict;
      readonly durationMs: number;
      readonly exitCode: number;
      readonly why: string;
      readonly log?: string;
    }
  | { readonly status: 'refused'; readonly verdict: Verdict }
  /** A step it needs did not end well, or the run was interrupted before it began. */
  | { readonly status: 'not-begun'; readonly why: string };

export interface Summary {
  readonly steps: number;
  readonly avoided: number;
  readonly ran: number;
  readonly failed: number;
  readonly refused: number;
  readonly notBegun: number;
  readonly savedMs: number;
  readonly durationMs: number;
}
