/** Where a command's words go. Data to stdout; everything that is no data to stderr. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly paint: Paint;
  readonly verbose: boolean;
  /** One line of data. */
  data(line: string): void;
  /** A versioned document, alone on stdout. */
  json(command: string, body: Readonly<Record<string, unknown>>): void;
  /** For people. Silent with -q. */
  note(line: string): void;
  /** Said even with -q. */
  complain(message: string, hint?: string): void;
}

export interface Paint {
  good(text: string): string;
  bad(text: string): string;
  warn(text: string): string;
  dim(text: string): string;
  bold(text: string): string;
}

const CODES = { good: 32, bad: 31, warn: 33, dim: 2, bold: 1 } as const;

function painter(on: boolean): Paint {
  const with_ = (code: number) => (text: string) => (on ? `\u001b[${code}m${text}\u001b[0m` : text);
  return Object.fromEntries(Object.entries(CODES).map(([name, code]) => [name, with_(code)])) as unknown as Paint;
}

/** https://no-color.org, and FORCE_COLOR as Node and most tools know it; a pipe gets none. */
function colours(env: Terminal['env'], isTTY: boolean): boolean {
  if (env['NO_COLOR']) return false;
  if (env['FORCE_COLOR'] !== undefined) return env['FORCE_COLOR'] !== '0';
  return isTTY && env['TERM'] !== 'dumb';
}

export const JSON_VERSION = 1;

export function openTerminal(options: { readonly quiet: boolean; readonly verbose: boolean }): Terminal {
  const { env, stdout, stderr } = process;
  // `stepaside check … | head` closes the pipe: that is no failure of ours.
  stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  const say = (line: string) => void stderr.write(`${line}\n`);
  const paint = painter(colours(env, stdout.isTTY === true));
  const paintErrors = painter(colours(env, stderr.isTTY === true));
  return {
    env,
    cwd: process.cwd(),
    paint,
    verbose: options.verbose,
    data: (line) => void stdout.write(`${line}\n`),
    json: (command, body) =>
      void stdout.write(`${JSON.stringify({ stepaside: JSON_VERSION, command, ...body }, null, 2)}\n`),
    note: (line) => (options.quiet ? undefined : say(line)),
    complain(message, hint) {
      say(`${paintErrors.bad('error:')} ${printable(message)}`);
      if (hint !== undefined) say(`${paintErrors.dim('hint:')}  ${printable(hint)}`);
    },
  };
}

/** Names come from stores and files: what could steer a terminal is shown, not sent. */
export function printable(text: string): string {
  return text.replace(
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
