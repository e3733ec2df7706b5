import { Buffer } from "node:buffer";
// @ts-types="./node_zookeeper_client.d.ts"
import zookeeper from "node-zookeeper-client";
import { z } from "zod";
import { type NodeContent, type ZookeeperConnection, ZookeeperError } from "./connection.ts";
import type { Acl } from "./node_zookeeper_client.d.ts";

/** What the node of an instance holds, as JSON. */
export interface InstanceData {
  /** Who the instance is, the same after a restart. */
  readonly instance: string;
  /** When this run of the instance began: ISO 8601, UTC. */
  readonly startedAt: string;
  readonly [more: string]: unknown;
}

/** Where and how an instance is registered. */
export interface Registration {
  /** The node whose children are the instances; created when missing, with all above it. */
  readonly folder: string;
  /** Whether only whoever has our credentials may change our nodes. */
  readonly protect: boolean;
  readonly data: () => InstanceData;
  /** Called when the instances change or the folder goes; one function as long as one connection lasts. */
  readonly onChange: () => void;
}

/** What {@link register} found and did. */
export interface Registered {
  /** This session's node. */
  readonly path: string;
  /** Whether it was missing. */
  readonly created: boolean;
  /** What earlier runs and sessions of this instance had left, or a create that was done twice. */
  readonly removed: readonly string[];
}

const PREFIX = "instance-";
/** Dashboards count all children but this one; agents had their nodes in it once. */
const AGENT = "agent";

const { ACL, Id, Permission } = zookeeper;
/** Everybody may register here, also an instance with other credentials; only ours may remove and change. */
const PROTECTED: readonly Acl[] = [
  new ACL(Permission.READ | Permission.CREATE, Id.ANYONE_ID_UNSAFE),
  new ACL(Permission.ALL, Id.AUTH_IDS),
];

/**
 * Makes sure that this session has exactly one instance node: looks first, for a create whose answer was lost may have
 * been done, or be done later. Safe to call again and again.
 * @throws ZookeeperError
 */
export async function register(connection: ZookeeperConnection, registration: Registration): Promise<Registered> {
  const { folder, data, protect } = registration;
  const nodes = await instances(connection, registration);
  const { sessionId } = connection.session;
  const [own, ...surplus] = nodes.filter(({ owner }) => owner.equals(sessionId));
  if (own !== undefined) return { path: own.path, created: false, removed: await removeAll(connection, surplus) };
  const ours = data();
  // Only now, before a node of ours appears: two live runs of one instance would else remove each other for ever.
  const removed = await removeAll(connection, nodes.filter((node) => isLeftBy(ours, node)));
  const json = Buffer.from(JSON.stringify(ours));
  const path = await connection.createEphemeralSequential(`${folder}/${PREFIX}`, json, aclsOf(protect));
  return { path, created: true, removed };
}

interface InstanceNode extends NodeContent {
  readonly path: string;
}

/** All instance nodes, in the order in which they were created. */
async function instances(connection: ZookeeperConnection, registration: Registration): Promise<InstanceNode[]> {
  const { folder } = registration;
  const names = await children(connection, registration);
  if (!names.includes(AGENT)) await create(connection, `${folder}/${AGENT}`, aclsOf(registration.protect));
  const paths = names.filter((name) => name.startsWith(PREFIX)).sort().map((name) => `${folder}/${name}`);
  const contents = await Promise.all(paths.map((path) => unless("NO_NODE", connection.read(path))));
  return contents.flatMap((content, index) => content === undefined ? [] : [{ ...content, path: paths[index]! }]);
}

async function children(connection: ZookeeperConnection, registration: Registration): Promise<string[]> {
  const { folder, protect, onChange } = registration;
  const found = await unless("NO_NODE", connection.children(folder, onChange));
  if (found !== undefined) return found;
  await create(connection, folder, aclsOf(protect));
  return await connection.children(folder, onChange);
}

/** Creates a node unless it is there, and all above it: those are shared, so anybody may use them. */
async function create(connection: ZookeeperConnection, path: string, acls: readonly Acl[]): Promise<void> {
  // From below: who may not create in an upper node is refused there even when the node that he asks for exists.
  const done = await unless("NO_NODE", unless("NODE_EXISTS", connection.createPersistent(path, acls)).then(() => true));
  if (done) return;
  await create(connection, path.slice(0, path.lastIndexOf("/")), ACL.OPEN_ACL_UNSAFE);
  await unless("NODE_EXISTS", connection.createPersistent(path, acls));
}

/** Removes the nodes that may be removed; others go with their sessions. Returns the removed ones. */
async function removeAll(connection: ZookeeperConnection, nodes: readonly InstanceNode[]): Promise<string[]> {
  const done = await Promise.all(nodes.map(async ({ path }) => {
    const removal = connection.remove(path).then(() => path);
    return await unless("NO_AUTH", unless("NO_NODE", removal));
  }));
  return done.filter((path) => path !== undefined);
}

/** Whether the node is of a run of this instance that began earlier, or of an earlier session of this run. */
function isLeftBy(ours: InstanceData, { data }: InstanceNode): boolean {
  const theirs = identityOf(data);
  return theirs?.instance === ours.instance && theirs.startedAt <= ours.startedAt;
}

const Identity = z.object({ instance: z.string(), startedAt: z.string() });

function identityOf(data: Buffer): z.infer<typeof Identity> | undefined {
  try {
    return Identity.safeParse(JSON.parse(data.toString())).data;
  } catch {
    // Another program's node need not be JSON: the registry that this one replaces left it empty.
    return undefined;
  }
}

function aclsOf(protect: boolean): readonly Acl[] {
  return protect ? PROTECTED : ACL.OPEN_ACL_UNSAFE;
}

/** The result, or undefined when the server refused with this code. */
async function unless<T>(code: string, result: Promise<T>): Promise<T | undefined> {
  try {
    return await result;
  } catch (cause) {
    if (cause instanceof ZookeeperError && cause.code === code) return undefined;
    throw cause;
  }
}
