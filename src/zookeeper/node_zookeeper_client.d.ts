import type { Buffer } from "node:buffer";
import type { EventEmitter } from "node:events";
import type { Socket } from "node:net";

/**
 * The part of node-zookeeper-client 1.1.3 that this folder uses; the package has no types of its own. `ConnectionManager`
 * is none of its documented interface: {@link file://./connection.ts} says why it is needed.
 */
declare const zookeeper: {
  createClient(connectString: string, options: { sessionTimeout: number } & Partial<SessionKey>): Client;
  readonly ACL: { new (permission: number, id: Id): Acl; readonly OPEN_ACL_UNSAFE: Acl[] };
  readonly CreateMode: { readonly PERSISTENT: number; readonly EPHEMERAL_SEQUENTIAL: number };
  readonly Id: { readonly ANYONE_ID_UNSAFE: Id; readonly AUTH_IDS: Id };
  readonly Permission: { readonly READ: number; readonly CREATE: number; readonly ALL: number };
};
export default zookeeper;

/** What a server needs to let a client go on with a session. */
export interface SessionKey {
  readonly sessionId: Buffer;
  readonly sessionPassword: Buffer;
}

export interface Id {
  readonly scheme: string;
  readonly id: string;
}

export interface Acl {
  readonly permission: number;
  readonly id: Id;
}

export interface State {
  readonly name: "DISCONNECTED" | "SYNC_CONNECTED" | "AUTH_FAILED" | "CONNECTED_READ_ONLY" | "EXPIRED";
}

/** A server's refusal; `name` is its word for it, such as NO_NODE. */
export interface Exception extends Error {
  readonly code: number;
}

/** What a callback of the library gets. */
export type Outcome<T> = [error: Exception] | [error: null, value: T];

export interface Stat {
  /** The session that a node lives with; eight zero bytes for a persistent one. */
  readonly ephemeralOwner: Buffer;
}

export interface Client extends EventEmitter {
  readonly connectionManager: ConnectionManager;
  connect(): void;
  close(): void;
  getSessionId(): Buffer;
  getSessionPassword(): Buffer;
  /** What the server granted, ms. */
  getSessionTimeout(): number;
  addAuthInfo(scheme: string, auth: Buffer): void;
  on(event: "state", listener: (state: State) => void): this;
  create(
    path: string,
    data: Buffer | null,
    acls: readonly Acl[],
    mode: number,
    callback: (...outcome: Outcome<string>) => void,
  ): void;
  remove(path: string, callback: (...outcome: Outcome<void>) => void): void;
  getData(
    path: string,
    callback: (...outcome: [error: Exception] | [error: null, data: Buffer | undefined, stat: Stat]) => void,
  ): void;
  getChildren(
    path: string,
    watcher: () => void,
    callback: (...outcome: Outcome<string[]>) => void,
  ): void;
}

export interface ConnectionManager {
  /** The last transaction that this client has seen; servers that lag behind it refuse the client. */
  zxid: Buffer;
  readonly socket: Socket;
  readonly connectTimeoutHandler: ReturnType<typeof setTimeout> | null;
  connect(): void;
  findNextServer(connect: (server: { host: string; port: number }) => void): void;
  onSocketData(bytes: Buffer): void;
}
