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
  /** The same for any number of items, none of them held: `{..., [name]: [item, item, ...], ...end}`. */
  jsonList(command: string, name: string): JsonList;
  /** A document about what went wrong; where a list has begun, the end of that one: stdout holds one document. */
  jsonError(command: string, body: Readonly<Record<string, unknown>>): void;
  /** What was written has gone out: asked now and then, it keeps a long answer from piling up in memory. */
  drained(): Promise<void>;
  /** For people. Silent with -q. */
  note(line: string): void;
  /** Said even with -q. */
  complain(message: string, hint?: string): void;
}

export interface JsonList {
  item(body: unknown): void;
  /** An item that is JSON already. */
  text(json: string): void;
  end(body: Readonly<Record<string, unknown>>): void;
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

/** For what is kept, to be shown later on a terminal or without colours elsewhere. */
export const COLOURED = painter(true);

/** https://no-color.org, and FORCE_COLOR as Node and most tools know it; a pipe gets none. */
function colours(env: Terminal['env'], isTTY: boolean): boolean {
  if (env['NO_COLOR']) return false;
  if (env['FORCE_COLOR'] !== undefined) return env['FORCE_COLOR'] !== '0';
  return isTTY && env['TERM'] !== 'dumb';
}

const JSON_VERSION = 1;

const surviving = new WeakSet<NodeJS.WritableStream>();

/** `stepaside check … | head` closes the pipe. Nobody reads on, but the exit code is still asked for: it must be the true one. */
function survive(stream: NodeJS.WriteStream): void {
  if (surviving.has(stream)) return;
  surviving.add(stream);
  let isTold = false;
  stream.on('error', ({ code }: NodeJS.ErrnoException) => {
    // What goes to stderr is for people: the answer is right without it.
    if (code === 'EPIPE' || stream !== process.stdout) return;
    process.exitCode = 1;
    // Every further line fails as well.
    if (!isTold) say(`error: cannot write to stdout: ${code}`);
    isTold = true;
  });
}

/** Opened where something is to be said: most looks say nothing there. */
function say(line: string): void {
  survive(process.stderr);
  process.stderr.write(`${line}\n`);
}

/** Of stdout, whoever opened the terminal: an error is told by another one. */
let openList: JsonList | undefined;

export function openTerminal(options: { readonly quiet: boolean; readonly verbose: boolean }): Terminal {
  const { env, stdout } = process;
  survive(stdout);
  const paint = painter(colours(env, stdout.isTTY === true));
  const json: Terminal['json'] = (command, body) =>
    void stdout.write(`${JSON.stringify({ stepaside: JSON_VERSION, command, ...body }, null, 2)}\n`);
  return {
    env,
    cwd: process.cwd(),
    paint,
    verbose: options.verbose,
    data: (line) => void stdout.write(`${line}\n`),
    json,
    jsonError: (command, body) => (openList ? openList.end(body) : json(command, body)),
    jsonList(command, name) {
      const { [name]: _, ...head } = { stepaside: JSON_VERSION, command, [name]: undefined };
      let before = `${JSON.stringify(head, null, 2).slice(0, -2)},\n  ${JSON.stringify(name)}: [`;
      const text = (json: string) => {
        stdout.write(`${before}\n    ${json}`);
        before = ',';
      };
      openList = {
        item: (body) => text(JSON.stringify(body)),
        text,
        end(body) {
          openList = undefined;
          const rest = JSON.stringify(body, null, 2).slice(1);
          stdout.write(`${before === ',' ? '' : before}\n  ],${rest}\n`);
        },
      };
      return openList;
    },
    drained: () =>
      stdout.writableNeedDrain && !stdout.destroyed
        ? new Promise((done) => {
            const go = () => {
              stdout.off('drain', go).off('close', go);
              done();
            };
            stdout.on('drain', go).on('close', go);
          })
        : Promise.resolve(),
    note: (line) => (options.quiet ? undefined : say(line)),
    complain(message, hint) {
      const paintErrors = painter(colours(env, process.stderr.isTTY === true));
      say(`${paintErrors.bad('error:')} ${message.split('\n').map(printable).join('\n')}`);
      if (hint !== undefined) say(`${paintErrors.dim('hint:')}  ${printable(hint)}`);
    },
  };
}

/** Names come from stores and files: what could steer a terminal, or forge a line, is shown and not sent. */
export function printable(text: string): string {
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
