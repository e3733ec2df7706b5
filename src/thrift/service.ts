/** What an agent says about itself in a beat. A field that it did not send is `""`. */
export interface AgentInfo {
  /** The asset number; from the old IDL's integer id, its decimal text. */
  asset: string;
  /** The address that the agent claims, as sent. */
  ip: string;
  /** The agent's own version. */
  version: string;
  /** JSON object text, app name -> installed version, as sent. */
  apps: string;
}

/** What stands behind the beat port. */
export interface BeatService {
  /**
   * Takes one beat and returns the reply's JSON text in UTF-8. The bytes are not changed and not kept.
   * @param peer the address the beat came from: the TCP peer, or the client that a trusted proxy names; undefined
   * behind a proxy that names none
   * @returns the text, or a promise of it where another thread has to be asked first
   * @throws ApplicationError to answer with an exception; a promise may reject with one
   */
  heartbeatPackage(info: AgentInfo, peer: string | undefined): Uint8Array | Promise<Uint8Array>;
}

/** Types of TApplicationException (thrift/lib: TApplicationException), as far as this service uses them. */
export const ApplicationErrorType = { UNKNOWN_METHOD: 1, INTERNAL_ERROR: 6, PROTOCOL_ERROR: 7 } as const;

/** A beat that is answered with a TApplicationException; an agent that gets one logs it and keeps its apps. */
export class ApplicationError extends Error {
  override readonly name = "ApplicationError";
  /** One of {@link ApplicationErrorType}. */
  readonly type: number;

  constructor(type: number, message: string) {
    super(message);
    this.type = type;
  }
}
