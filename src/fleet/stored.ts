/** A row as it is stored, and as it comes back after a restart. */
export interface StoredAgent {
  readonly ip: string;
  readonly asset: string;
  readonly version: string;
  /** The app map as it came. */
  readonly apps: string;
  readonly online: boolean;
  /** Last beat, ms since the epoch. */
  readonly lastSeenMs: number;
  /** Since when it has been online or offline, ms since the epoch. */
  readonly sinceMs: number;
}
