/** How long after its timeout an agent may still not be called offline: the promise is 1 s, the rest is a busy machine. */
const LATE_MS = 3_000;
/** How long a beat without an answer may still be on its way in the network, ms. */
const ON_ITS_WAY_MS = 1_000;
/** What two readings of the same clock may differ by, ms. */
const ROUNDING_MS = 5;

/** A row of the list, as far as it is judged. */
export interface ListedAgent {
  readonly ip: string;
  readonly state: string;
  readonly last_hb_ms: number;
}

/** A moment on both clocks, ms. */
export interface Moment {
  readonly monotonic: number;
  readonly wall: number;
}

/** Both clocks of this process, which are those of the service under test unless somebody steps its wall clock. */
export function now(): Moment {
  return { monotonic: performance.now(), wall: Date.now() };
}

/** How many acknowledged beats of an agent are remembered, for a crash. */
const REMEMBERED = 8;
/** What a crash may cost, ms. */
const LOSS_MS = 1_000;

/** What is known about one agent. */
class Known {
  /** Its last acknowledged beats. */
  readonly acknowledged: { readonly sent: Moment; readonly answered: Moment }[] = [];
  /** When the newest beat ended, acknowledged or not: the service has none that is younger. */
  possible: Moment | undefined;
  /** When the beat was sent that is under way. */
  underWay: Moment | undefined;

  /** When the newest acknowledged beat was sent: the service has it no older than this. */
  get sure(): Moment | undefined {
    return this.acknowledged.at(-1)?.sent;
  }
}

/**
 * Knows what each agent was told, and says who must be online and offline. Naive on purpose: it knows beats and the
 * timeout, and no rule of the service but that it may hold agents back as suspect for a time that a test names.
 */
export class Oracle {
  /** Everything that was wrong. */
  readonly faults: string[] = [];
  /** How often a state was wrong, and how often a beat was gone that was acknowledged. */
  readonly wrong = { states: 0, lostBeats: 0 };
  /** Beats that were sent, acknowledged and left without an answer. */
  readonly beats = { sent: 0, acknowledged: 0, failed: 0 };
  /** How many rows were judged. */
  judged = 0;
  readonly #timeoutMs: number;
  readonly #agents = new Map<string, Known>();
  #heldUntilMs = -Infinity;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  sent(ip: string): void {
    this.beats.sent++;
    this.#known(ip).underWay = now();
  }

  ended(ip: string, { acknowledged }: { acknowledged: boolean }): void {
    const known = this.#known(ip);
    this.beats[acknowledged ? "acknowledged" : "failed"]++;
    const answered = now();
    if (acknowledged && known.underWay !== undefined) known.acknowledged.push({ sent: known.underWay, answered });
    if (known.acknowledged.length > REMEMBERED) known.acknowledged.shift();
    known.underWay = undefined;
    const { monotonic, wall } = answered;
    const laterMs = acknowledged ? 0 : ON_ITS_WAY_MS;
    known.possible = { monotonic: monotonic + laterMs, wall: wall + laterMs };
  }

  /** From now on for so long the service need not call anybody offline: it has started, stood still or lost its clock. */
  holds(forMs: number): void {
    this.#heldUntilMs = performance.now() + forMs;
  }

  /** The service died without notice: what it acknowledged in its last second may be gone. */
  crashed(): void {
    const until = performance.now() - LOSS_MS;
    for (const { acknowledged } of this.#agents.values()) {
      while ((acknowledged.at(-1)?.answered.monotonic ?? -Infinity) > until) acknowledged.pop();
    }
  }

  /**
   * Compares a list that was asked for and answered at these moments with what must be.
   * @param wallStepMs by how much the service's wall clock differs from ours; undefined when it is not known
   */
  judge(
    rows: readonly ListedAgent[],
    { asked, answered, wallStepMs }: { asked: Moment; answered: Moment; wallStepMs: number | undefined },
  ): void {
    const listed = new Map(rows.map((row) => [row.ip, row]));
    for (const [ip, known] of this.#agents) {
      const { sure } = known;
      const row = listed.get(ip);
      this.judged++;
      // What is acknowledged after the question may not be in the answer yet; the beat before it was.
      if (row === undefined) {
        if (sure !== undefined && (known.possible?.monotonic ?? Infinity) < asked.monotonic) {
          this.#lost(`${ip} is not listed`);
        }
        continue;
      }
      const stateFault = this.#stateFault(row, known, { asked, answered });
      if (stateFault !== undefined) this.#wrongState(`${ip} ${stateFault}`);
      const seenFault = seenFaultOf(row, known, { asked, wallStepMs });
      if (seenFault !== undefined) this.#lost(`${ip} ${seenFault}`);
    }
    for (const ip of this.#lingering(rows, asked.monotonic)) this.#wrongState(`${ip} is not called offline`);
  }

  /** Whether it must be listed as offline, whatever the network did. */
  #isGone(ip: string, atMs: number): boolean {
    const { possible, underWay } = this.#known(ip);
    if (underWay !== undefined || possible === undefined) return false;
    return atMs > Math.max(possible.monotonic + this.#timeoutMs, this.#heldUntilMs) + LATE_MS;
  }

  #stateFault(
    { state }: ListedAgent,
    { sure, possible }: Known,
    { asked, answered }: { asked: Moment; answered: Moment },
  ): string | undefined {
    // A beat that was acknowledged only after the question need not be known to the answer.
    const isCounted = sure !== undefined && (possible?.monotonic ?? 0) < asked.monotonic;
    if (state === "offline" && isCounted && answered.monotonic < sure.monotonic + this.#timeoutMs) {
      return `was called offline ${Math.round(answered.monotonic - sure.monotonic)} ms after a beat`;
    }
    return undefined;
  }

  #known(ip: string): Known {
    let known = this.#agents.get(ip);
    if (known === undefined) this.#agents.set(ip, known = new Known());
    return known;
  }

  #wrongState(fault: string): void {
    this.wrong.states++;
    this.faults.push(fault);
  }

  #lost(fault: string): void {
    this.wrong.lostBeats++;
    this.faults.push(fault);
  }

  /** Says who must be offline by now and is not. */
  #lingering(rows: readonly ListedAgent[], askedMs: number): string[] {
    return rows.filter(({ ip, state }) => state !== "offline" && this.#isGone(ip, askedMs)).map(({ ip }) => ip);
  }
}

/** No acknowledged beat may be lost, and none invented. */
function seenFaultOf(
  { last_hb_ms }: ListedAgent,
  { sure, possible, underWay }: Known,
  { asked, wallStepMs }: { asked: Moment; wallStepMs: number | undefined },
): string | undefined {
  if (wallStepMs === undefined) return undefined;
  const seen = last_hb_ms - wallStepMs;
  if (sure !== undefined && possible !== undefined && possible.monotonic < asked.monotonic) {
    const lost = sure.wall - ROUNDING_MS - seen;
    if (lost > 0) return `was seen ${lost} ms before its last acknowledged beat`;
  }
  if (underWay === undefined && possible !== undefined && seen > possible.wall + ROUNDING_MS) {
    return `was seen ${seen - possible.wall} ms after its last beat`;
  }
  return undefined;
}
