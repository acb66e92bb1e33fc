import type { Exit } from './exit.js';
import type { Terminal } from './terminal.js';

/** A command as data: what help, completion and the parser need; its code is loaded when it is called. */
export interface CommandSpec {
  readonly name: string;
  readonly summary: string;
  readonly usage: string;
  /** How many words it takes at most, where more would mean nothing. */
  readonly mostWords?: number;
  /** Its first word, where that is a command of its own. */
  readonly verbs?: readonly string[];
  readonly examples: readonly (readonly [line: string, what: string])[];
  readonly options: readonly OptionSpec[];
  /** Prose below the options. */
  readonly notes?: string;
  readonly load: () => Promise<Command>;
}

export interface OptionSpec {
  readonly name: string;
  readonly short?: string;
  /** What stands for the value; absent: the option is a switch. */
  readonly value?: string;
  readonly many?: boolean;
  readonly what: string;
  /** Completion offers files. */
  readonly files?: boolean;
}

export interface Args {
  readonly words: readonly string[];
  one(name: string): string | undefined;
  all(name: string): readonly string[];
  on(name: string): boolean;
}

export const isGiven = (args: Args, name: string): boolean =>
  args.on(name) || args.one(name) !== undefined || args.all(name).length > 0;

export type Command = (args: Args, terminal: Terminal) => Promise<Exit>;

/** The call's words are off. */
export class UsageError extends Error {
  readonly hint: string | undefined;
  constructor(message: string, hint?: string) {
    super(message);
    this.hint = hint;
  }
}
