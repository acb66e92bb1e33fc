/** Lines at the end of a terminal that are drawn over; everything else is written above them. */
export class LiveLines {
  readonly #out: NodeJS.WriteStream;
  readonly #lines: (room: number) => readonly string[];
  #drawn: readonly string[] = [];
  #due: NodeJS.Timeout | undefined;
  readonly #ticks: NodeJS.Timeout;

  constructor(out: NodeJS.WriteStream, lines: (room: number) => readonly string[]) {
    this.#out = out;
    this.#lines = lines;
    this.#ticks = setInterval(() => this.#draw(), CALM_MS * 4);
    this.#ticks.unref();
  }

  /** Soon: many changes in a moment are one drawing. */
  changed(): void {
    this.#due ??= setTimeout(() => this.#draw(), CALM_MS).unref();
  }

  above(text: string): void {
    this.#out.write(`${this.#erasure()}${text}\n`);
    this.#drawn = [];
    this.#draw();
  }

  /** Leaves these lines standing. */
  end(lines: readonly string[]): void {
    clearInterval(this.#ticks);
    clearTimeout(this.#due);
    this.#out.write(`${this.#erasure()}${lines.map((line) => `${line}\n`).join('')}`);
    this.#drawn = [];
  }

  #draw(): void {
    clearTimeout(this.#due);
    this.#due = undefined;
    // A terminal that does not know its size says 0.
    const [rows, columns] = [this.#out.rows || 24, this.#out.columns || 80];
    const lines = this.#lines(rows - 1).map((line) => cut(line, columns - 1));
    if (lines.length === this.#drawn.length && lines.every((line, i) => line === this.#drawn[i])) return;
    this.#out.write(`${this.#erasure()}${lines.map((line) => `${line}\n`).join('')}`);
    this.#drawn = lines;
  }

  #erasure(): string {
    return this.#drawn.length === 0 ? '' : `\u001b[${this.#drawn.length}A\r\u001b[J`;
  }
}

const CALM_MS = 125;

/** By what is seen: colours take no room. A line that wrapped could not be drawn over. */
export function cut(line: string, width: number): string {
  let [seen, out] = [0, ''];
  for (const [, code, text] of line.matchAll(/(\u001b\[[0-9;]*m)|([^\u001b])/gu)) {
    if (code !== undefined) out += code;
    else {
      seen += wide(text!) ? 2 : 1;
      if (seen <= width) out += text;
    }
  }
  return out;
}

/** East Asian wide forms and emoji take two columns. */
function wide(text: string): boolean {
  return /[\u1100-\u115f\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u.test(
    text,
  );
}
