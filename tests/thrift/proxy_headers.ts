import { concat } from "../support/beat_client.ts";

/** A PROXY protocol header of version 2. */
export function proxyHeader2(command: number, family: number, addresses: Uint8Array): Uint8Array<ArrayBuffer> {
  const signature = Uint8Array.of(0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a);
  const length = Uint8Array.of(addresses.length >> 8, addresses.length & 0xff);
  return concat([signature, Uint8Array.of(0x20 | command, family), length, addresses]);
}
