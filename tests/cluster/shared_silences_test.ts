import assert from "node:assert/strict";
import type { ClusterRecord, SharedSilence } from "../../src/cluster/records.ts";
import { SharedSilences } from "../../src/cluster/shared_silences.ts";

const SENT_MS = 1_000_000;

function silence(id: string, createdAtMs: number): SharedSilence {
  return { id, cidr: "10.0.0.0/8", asset: undefined, reason: "", by: "ops", createdAtMs, untilMs: SENT_MS + 60_000 };
}

/** An instance's maintenance windows, and what it told. */
class Scene {
  leads = true;
  readonly kept = new Map<string, SharedSilence>();
  readonly published: ClusterRecord[] = [];
  readonly shared = new SharedSilences({
    run: "own.1",
    keeper: {
      add: (silences) => silences.forEach((each) => this.kept.set(each.id, each)),
      remove: (ids) => ids.forEach((id) => this.kept.delete(id)),
      list: () => [...this.kept.values()],
    },
    leads: () => this.leads,
    publish: (record) => this.published.push(record),
  });
}

Deno.test("SharedSilences tells each newcomer once what there is, if it leads", () => {
  const scene = new Scene();
  scene.leads = false;
  scene.shared.greet("other.1");
  scene.leads = true;
  scene.kept.set("a", silence("a", 0));
  for (const run of ["other.1", "other.1", "other.2"]) scene.shared.greet(run);
  const told = scene.published.map((record) => record.kind === "silenceAdd" ? record.completeFor : undefined);
  assert.deepEqual(told, ["other.1", "other.2"]);
});

Deno.test("SharedSilences ends what a complete list lacks, save what is newer than the list may be", () => {
  const scene = new Scene();
  const later = silence("later", SENT_MS - 10_000);
  for (const each of [silence("ended", SENT_MS - 10_001), later]) scene.kept.set(each.id, each);
  const list = [silence("new", 0)];
  scene.shared.began(list, { completeFor: "other.1", sentMs: SENT_MS });
  assert.deepEqual([...scene.kept.keys()], ["ended", "later", "new"]);
  scene.shared.began(list, { completeFor: "own.1", sentMs: SENT_MS });
  assert.deepEqual([...scene.kept.keys()], ["later", "new"]);
});
