/** How long an event loop did not come round, ms. */
export interface Stretch {
  /** CPU time of its thread in this stretch. */
  readonly cpuMs: number;
  /** The longest such time in all, without what the thread waited for a core. */
  readonly busyMs: number;
}

/** What the line begins with on which the probe tells a {@link Stretch}. */
export const STRETCH_MARK = "longest stretch: ";
