/** Does something again and again: when it is woken, and otherwise after the pause that it asked for itself. */
export class Loop {
  readonly #work: () => Promise<number>;
  readonly #intervalMs: number;
  readonly #onError: (error: unknown) => void;
  #running: Promise<void> = Promise.resolve();
  #woken = false;
  #wake: () => void = () => undefined;
  #stopped = false;

  /**
   * @param work answers after how many milliseconds to call it again, unless it is woken before
   * @param intervalMs the least time between two beginnings
   */
  constructor(work: () => Promise<number>, intervalMs: number, onError: (error: unknown) => void) {
    this.#work = work;
    this.#intervalMs = intervalMs;
    this.#onError = onError;
  }

  start(): void {
    this.#running = this.#run();
  }

  wake(): void {
    this.#woken = true;
    this.#wake();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const startedAt = performance.now();
      this.#woken = false;
      let pauseMs = ERROR_PAUSE_MS;
      try {
        pauseMs = await this.#work();
      } catch (error) {
        if (!this.#stopped) this.#onError(error);
      }
      if (!this.#woken) await this.#pause(pauseMs);
      const rest = startedAt + this.#intervalMs - performance.now();
      if (rest > 0 && !this.#stopped) await new Promise((resolve) => setTimeout(resolve, rest));
    }
  }

  #pause(ms: number): Promise<void> {
    if (ms <= 0 || this.#stopped) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

const ERROR_PAUSE_MS = 250;
