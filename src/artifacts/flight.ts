/** Work that goes on meanwhile, so much of it at once. The first failure is thrown by whoever asks next. */
export class Flight {
  readonly #width: number;
  readonly #under = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | undefined;

  constructor(width: number) {
    this.#width = width;
  }

  /** Begins `work` as soon as there is room. */
  async add(work: () => Promise<unknown>): Promise<void> {
    while (this.#under.size >= this.#width) await Promise.race(this.#under);
    this.check();
    const going: Promise<void> = work().then(
      () => void this.#under.delete(going),
      (error: unknown) => {
        this.#under.delete(going);
        this.#failure ??= { error };
      },
    );
    this.#under.add(going);
  }

  check(): void {
    if (this.#failure) throw this.#failure.error;
  }

  /** When all has ended, well or not: until then its buffers and files are in use. */
  async ended(): Promise<void> {
    while (this.#under.size > 0) await Promise.all(this.#under);
  }

  async done(): Promise<void> {
    await this.ended();
    this.check();
  }
}
