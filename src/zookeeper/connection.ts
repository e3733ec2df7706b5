import { Buffer } from "node:buffer";
// @ts-types="./node_zookeeper_client.d.ts"
import zookeeper from "node-zookeeper-client";
import { type Server, serverName } from "./connect_string.ts";
import type { Acl, Client, Outcome, SessionKey, State } from "./node_zookeeper_client.d.ts";

/** A session that outlived its connection. */
export interface Session extends SessionKey {
  /** The last transaction that was seen; a server that lags behind it must not answer, it would not show our own node. */
  readonly zxid: Buffer;
}

/** Who a session is, such as `{ scheme: "digest", auth: "user:secret" }`. */
export interface Auth {
  readonly scheme: string;
  readonly auth: string;
}

/** How a connection is opened. */
export interface ConnectionOptions {
  /** The session timeout to ask for, ms; the server may grant another. */
  readonly sessionTimeoutMs: number;
  /** How long the server may take from the first packet to the session, ms. */
  readonly connectTimeoutMs: number;
  /** Goes on with this session; a new one when absent. */
  readonly session?: Session | undefined;
  readonly auth?: Auth | undefined;
  /** Gives the attempt up. */
  readonly signal?: AbortSignal | undefined;
}

/** What a server refused, in its own words (NO_NODE, NO_AUTH ...), or why there is no connection. */
export class ZookeeperError extends Error {
  override readonly name = "ZookeeperError";
  /** ZooKeeper's name of the fault; `CONNECTION_LOSS` and `OPERATION_TIMEOUT` are found here, not told by a server. */
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** A node's content. */
export interface NodeContent {
  readonly data: Buffer;
  /** The id of the session that the node lives with; eight zero bytes for a persistent one. */
  readonly owner: Buffer;
}

/**
 * One TCP connection of a session, bounded in time: every request and the opening have a deadline.
 *
 * The library would keep connections up itself, but (1.1.3) it waits for ever for a server that took the connection and
 * says nothing, throws out of its socket handler (which ends the process) at an answer that it does not know, connects
 * again after its close() and sends a request again whose caller has given up. So a client of the library serves one
 * connection here and never reconnects; whoever holds the {@link session} opens the next.
 */
export class ZookeeperConnection {
  readonly server: Server;
  /** Settles with the reason when the connection is no more. */
  readonly ended: Promise<ZookeeperError>;
  readonly #client: Client;
  readonly #opened = Promise.withResolvers<void>();
  readonly #over = Promise.withResolvers<ZookeeperError>();
  readonly #waiting = new Set<(reason: ZookeeperError) => void>();
  #fault: Error | undefined;
  #end: ZookeeperError | undefined;

  private constructor(server: Server, { sessionTimeoutMs, session, auth }: ConnectionOptions) {
    this.server = server;
    this.ended = this.#over.promise;
    this.#client = zookeeper.createClient(serverName(server), { sessionTimeout: sessionTimeoutMs, ...session });
    if (auth !== undefined) this.#client.addAuthInfo(auth.scheme, Buffer.from(auth.auth));
    this.#client.on("state", (state) => this.#onState(state));
    const manager = this.#client.connectionManager;
    if (session !== undefined) manager.zxid = session.zxid;
    manager.findNextServer = (connect) => connect(server);
    const onSocketData = manager.onSocketData;
    manager.onSocketData = (bytes) => {
      try {
        onSocketData.call(manager, bytes);
      } catch (cause) {
        this.destroy(
          new ZookeeperError("CONNECTION_LOSS", `${serverName(server)} sent what is not understood`, { cause }),
        );
      }
    };
    this.#client.connect();
    manager.connect = () => {};
    manager.socket.on("error", (cause: Error) => this.#fault = cause);
    // Before the library, which fails all requests without saying why.
    manager.socket.prependListener("close", () => this.destroy(this.#closed()));
  }

  /**
   * Opens a connection and waits for its session.
   * @throws ZookeeperError with `SESSION_EXPIRED` when the given session is no more, `AUTH_FAILED`, `OPERATION_TIMEOUT`
   * or `CONNECTION_LOSS`
   */
  static async open(server: Server, options: ConnectionOptions): Promise<ZookeeperConnection> {
    options.signal?.throwIfAborted();
    const connection = new ZookeeperConnection(server, options);
    const abort = () => connection.destroy(new ZookeeperError("CONNECTION_LOSS", "given up"));
    options.signal?.addEventListener("abort", abort);
    const timer = setTimeout(
      () => connection.#timedOut(`no session at ${serverName(server)}`, options.connectTimeoutMs),
      options.connectTimeoutMs,
    );
    try {
      await connection.#opened.promise;
      return connection;
    } finally {
      clearTimeout(timer);
      options.signal?.removeEventListener("abort", abort);
    }
  }

  /** What the next connection needs to go on with this session. */
  get session(): Session {
    return {
      sessionId: this.#client.getSessionId(),
      sessionPassword: this.#client.getSessionPassword(),
      zxid: this.#client.connectionManager.zxid,
    };
  }

  /** The session timeout that the server granted, ms. */
  get sessionTimeoutMs(): number {
    return this.#client.getSessionTimeout();
  }

  /** Whether the connection is no more. */
  get isOver(): boolean {
    return this.#end !== undefined;
  }

  /**
   * The names of a node's children. `onChange` is called once when they change or the node goes; it must be the same
   * function each time, else the library keeps them all.
   * @throws ZookeeperError
   */
  children(path: string, onChange: () => void): Promise<string[]> {
    return this.#request(`list ${path}`, (done) => this.#client.getChildren(path, onChange, done));
  }

  /** @throws ZookeeperError with `NO_NODE` when it does not exist */
  read(path: string): Promise<NodeContent> {
    return this.#request(
      `read ${path}`,
      (done) =>
        this.#client.getData(
          path,
          (...[error, data, stat]) =>
            error === null ? done(null, { data: data ?? Buffer.alloc(0), owner: stat.ephemeralOwner }) : done(error),
        ),
    );
  }

  /**
   * Creates a persistent node without data.
   * @throws ZookeeperError with `NODE_EXISTS`, `NO_NODE` when its parent does not exist
   */
  createPersistent(path: string, acls: readonly Acl[]): Promise<string> {
    return this.#create(path, null, acls, zookeeper.CreateMode.PERSISTENT);
  }

  /**
   * Creates a node that goes with the session; the server completes its name, which is returned.
   * @throws ZookeeperError
   */
  createEphemeralSequential(path: string, data: Buffer, acls: readonly Acl[]): Promise<string> {
    return this.#create(path, data, acls, zookeeper.CreateMode.EPHEMERAL_SEQUENTIAL);
  }

  /** @throws ZookeeperError with `NO_NODE` when it does not exist */
  remove(path: string): Promise<void> {
    return this.#request(`remove ${path}`, (done) => this.#client.remove(path, done));
  }

  /**
   * Ends the session: the server removes its nodes at once.
   * @throws ZookeeperError when the server did not answer; the nodes then stay until the session's timeout
   */
  async close(timeoutMs: number): Promise<void> {
    if (this.isOver) return;
    const timer = setTimeout(() => this.#timedOut(`close session at ${serverName(this.server)}`, timeoutMs), timeoutMs);
    this.#client.close();
    const reason = await this.ended;
    clearTimeout(timer);
    // The server closes the connection behind its answer.
    if (reason.code !== "CONNECTION_LOSS") throw reason;
  }

  /** Drops the connection at once; the session lives on at the server until its timeout. */
  destroy(reason: ZookeeperError): void {
    if (this.#end !== undefined) return;
    this.#end = reason;
    const { socket, connectTimeoutHandler } = this.#client.connectionManager;
    socket.destroy();
    if (connectTimeoutHandler !== null) clearTimeout(connectTimeoutHandler);
    this.#opened.reject(reason);
    for (const fail of this.#waiting) fail(reason);
    this.#over.resolve(reason);
  }

  #onState({ name }: State): void {
    const where = serverName(this.server);
    if (name === "SYNC_CONNECTED") this.#opened.resolve();
    if (name === "EXPIRED") {
      this.destroy(new ZookeeperError("SESSION_EXPIRED", `${where} says that the session expired`));
    }
    if (name === "AUTH_FAILED") this.destroy(new ZookeeperError("AUTH_FAILED", `${where} refused zookeeper.auth`));
  }

  #closed(): ZookeeperError {
    const message = this.#fault === undefined
      ? `${serverName(this.server)} closed the connection`
      : `${serverName(this.server)}: ${this.#fault.message}`;
    return new ZookeeperError("CONNECTION_LOSS", message);
  }

  #timedOut(what: string, timeoutMs: number): void {
    this.destroy(new ZookeeperError("OPERATION_TIMEOUT", `${what}: no answer within ${timeoutMs} ms`));
  }

  #create(path: string, data: Buffer | null, acls: readonly Acl[], mode: number): Promise<string> {
    return this.#request(`create ${path}`, (done) => this.#client.create(path, data, acls, mode, done));
  }

  /**
   * Sends one request. One that is not answered ends the connection: the library sees no other sign of a peer that went
   * without a word, and this leaves a third of the session's time to go on with it elsewhere.
   */
  async #request<T>(what: string, send: (done: (...outcome: Outcome<T>) => void) => void): Promise<T> {
    if (this.#end !== undefined) throw this.#end;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const timeoutMs = Math.floor(this.sessionTimeoutMs / 3);
    const timer = setTimeout(() => this.#timedOut(what, timeoutMs), timeoutMs);
    this.#waiting.add(reject);
    try {
      send((...[error, value]) => {
        if (error === null) resolve(value);
        else reject(new ZookeeperError(error.name, `${what}: ${error.name}`));
      });
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(reject);
    }
  }
}
