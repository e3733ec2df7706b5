import { isIPv4, isIPv6 } from "node:net";
import { canonicalAddress } from "../fleet/address.ts";
import { MAX_PROXY_HEADER_BYTES } from "./limits.ts";
import { readText } from "./text.ts";
import { WireError } from "./wire.ts";

/** What stands before the first call on a connection from a proxy. */
export interface ProxyHeader {
  /** Bytes of the header; 0 when there is none. */
  readonly length: number;
  /** The address of the client; undefined when the proxy speaks for itself (a health check) or there is no header. */
  readonly client: string | undefined;
}

const NO_HEADER: ProxyHeader = { length: 0, client: undefined };

const V1_SIGNATURE = new TextEncoder().encode("PROXY ");
/** The longest version 1 header, line end included. */
const V1_MAX_BYTES = 107;
const V2_SIGNATURE = Uint8Array.of(0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a);
const V2_FIXED_BYTES = 16;
const CR = 0x0d;
const LF = 0x0a;

/**
 * Reads a PROXY protocol header, version 1 or 2 (haproxy: doc/proxy-protocol.txt), at `start`. No Thrift message begins
 * like one, so a proxy that sends none is recognised by its first byte.
 * @returns undefined when more bytes are needed
 * @throws WireError when the bytes begin like a header and are none
 */
export function readProxyHeader(bytes: Uint8Array, start: number, end: number): ProxyHeader | undefined {
  if (start === end) return undefined;
  if (bytes[start] === V1_SIGNATURE[0]) return readVersion1(bytes, start, end);
  if (bytes[start] === V2_SIGNATURE[0]) return readVersion2(bytes, start, end);
  return NO_HEADER;
}

function readVersion1(bytes: Uint8Array, start: number, end: number): ProxyHeader | undefined {
  requireSignature(V1_SIGNATURE, bytes, start, end);
  const searchEnd = Math.min(end, start + V1_MAX_BYTES);
  const lineEnd = bytes.subarray(start, searchEnd).indexOf(LF);
  if (lineEnd === -1) {
    if (end - start >= V1_MAX_BYTES) throw bad("a line without an end");
    return undefined;
  }
  if (bytes[start + lineEnd - 1] !== CR) throw bad("a line that ends without CR");
  const length = lineEnd + 1;
  const words = readText(bytes, start, start + lineEnd - 1).split(" ");
  if (words[1] === "UNKNOWN") return { length, client: undefined };
  return { length, client: version1Client(words) };
}

function version1Client([, protocol, source = "", destination = "", ...ports]: string[]): string {
  const isAddress = protocol === "TCP4" ? isIPv4 : protocol === "TCP6" ? isIPv6 : undefined;
  if (isAddress === undefined) throw bad("an unknown protocol");
  if (!isAddress(source) || !isAddress(destination)) throw bad("no addresses of its protocol");
  if (ports.length !== 2 || !ports.every(isPort)) throw bad("no two ports");
  return canonical(source);
}

function isPort(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) <= 0xffff;
}

function readVersion2(bytes: Uint8Array, start: number, end: number): ProxyHeader | undefined {
  requireSignature(V2_SIGNATURE, bytes, start, end);
  if (end - start < V2_FIXED_BYTES) return undefined;
  const version = bytes[start + 12]! >> 4;
  const command = bytes[start + 12]! & 0x0f;
  if (version !== 2 || command > 1) throw bad(`version ${version}, command ${command}`);
  const addressesLength = bytes[start + 14]! << 8 | bytes[start + 15]!;
  const length = V2_FIXED_BYTES + addressesLength;
  if (length > MAX_PROXY_HEADER_BYTES) throw bad(`${length} bytes`);
  if (end - start < length) return undefined;
  // LOCAL (0): the proxy's own health check. PROXY (1): a client's connection.
  if (command === 0) return { length, client: undefined };
  const addresses = bytes.subarray(start + V2_FIXED_BYTES, start + length);
  return { length, client: version2Client(bytes[start + 13]! >> 4, addresses) };
}

/** @param family 1 is IPv4, 2 is IPv6; of others (unspecified, unix sockets) the client is not known */
function version2Client(family: number, addresses: Uint8Array): string | undefined {
  if (family !== 1 && family !== 2) return undefined;
  // Both addresses, then both ports.
  if (addresses.length < (family === 1 ? 12 : 36)) throw bad(`${addresses.length} bytes of addresses`);
  if (family === 1) return addresses.subarray(0, 4).join(".");
  const words = Array.from({ length: 8 }, (_, i) => (addresses[2 * i]! << 8 | addresses[2 * i + 1]!).toString(16));
  return canonical(words.join(":"));
}

/** One spelling, as the address is compared with thrift.allow and with what the agent claims. */
function canonical(address: string): string {
  const client = canonicalAddress(address);
  if (client === undefined) throw bad("an address with a zone");
  return client;
}

function requireSignature(signature: Uint8Array, bytes: Uint8Array, start: number, end: number): void {
  const length = Math.min(signature.length, end - start);
  for (let index = 0; index < length; index++) {
    if (bytes[start + index] !== signature[index]) throw bad("no signature");
  }
}

function bad(what: string): WireError {
  return new WireError("bad_proxy_header", `a PROXY header with ${what}`);
}
