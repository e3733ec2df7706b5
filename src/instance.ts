import type { Settings } from "./config/schema.ts";

/**
 * The name of this instance, the same after every restart: the host's name and the beat port, which no two instances
 * of one host share.
 */
export function instanceName(settings: Settings): string {
  return `${hostName()}-${settings["thrift.heartbeat.port"]}`;
}

/** The host part of an instance's name. */
export function hostOf(instance: string): string {
  return instance.slice(0, instance.lastIndexOf("-"));
}

/** The host's name from /etc/hostname; asking the system for it would take one more permission (--allow-sys). */
function hostName(): string {
  try {
    const name = Deno.readTextFileSync("/etc/hostname").trim().replaceAll(/[^A-Za-z0-9.-]/g, "_");
    if (name !== "") return name;
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
  }
  return "unknown-host";
}
