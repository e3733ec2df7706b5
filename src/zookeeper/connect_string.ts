import { authority } from "../fleet/address.ts";
/** One server of an ensemble. */
export interface Server {
  readonly host: string;
  readonly port: number;
}

/** A connect string, read. */
export interface ConnectString {
  /** At least one. */
  readonly servers: readonly Server[];
  /** The node below which all paths of this client are, or "" for the top. */
  readonly chroot: string;
}

/** ZooKeeper's own default. */
const DEFAULT_PORT = 2181;

/**
 * Reads `a:2181,b:2181` or `a,b/below/here`; an IPv6 address stands in brackets. Source: ZooKeeper's programmer's
 * guide, "ZooKeeper Sessions".
 *
 * @throws SyntaxError that quotes the part that is wrong
 */
export function parseConnectString(text: string): ConnectString {
  const slash = text.indexOf("/");
  const hosts = slash < 0 ? text : text.slice(0, slash);
  const chroot = slash < 0 ? "" : text.slice(slash).trim();
  if (!/^(\/[^/\s]+)*\/?$/.test(chroot)) {
    throw new SyntaxError(`the path behind the hosts must be one such as /prod, not "${chroot}"`);
  }
  return { servers: hosts.split(",").map((part) => parseServer(part.trim())), chroot: chroot.replace(/\/$/, "") };
}

function parseServer(text: string): Server {
  const [, bracketed, plain, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = digits === undefined ? DEFAULT_PORT : Number(digits);
  if (host === undefined || port < 1 || port > 65_535) {
    throw new SyntaxError(`a ZooKeeper server must be host or host:port, not "${text}"`);
  }
  return { host, port };
}

/** The server as its connect string would write it. */
export function serverName({ host, port }: Server): string {
  return authority(host, port);
}
