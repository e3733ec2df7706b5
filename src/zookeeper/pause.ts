/** A wait that {@link wake} ends early; a wake that nobody waits for ends the next wait at once. */
export class Pause {
  #woken = false;
  #end: (() => void) | undefined;

  /** Ends the present wait, or the next. */
  wake(): void {
    this.#woken = true;
    this.#end?.();
  }

  /** Waits. One wait at a time. */
  async wait(ms: number): Promise<void> {
    if (!this.#woken) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, ms);
      this.#end = resolve;
      await promise;
      clearTimeout(timer);
      this.#end = undefined;
    }
    this.#woken = false;
  }
}
