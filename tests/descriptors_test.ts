import assert from "node:assert/strict";
import { DescriptorCheck } from "../src/descriptors.ts";

/** More than any process of these tests may open. */
const TOO_MANY = 2 ** 31;
/** How much is asked for besides the connections. */
const OTHERS = 512;

Deno.test("DescriptorCheck finds nothing missing where there is enough, and gives back what it opened", async () => {
  const before = openFiles();
  const check = new DescriptorCheck(1, () => 0);
  const told: string[] = [];
  const search = check.steps();
  assert.equal(search.next().done, false);
  assert.ok(openFiles() > before);
  for (let step = search.next(); !step.done; step = search.next());
  check.start((shortage) => told.push(shortage), 0);
  await check.stop();
  assert.deepEqual([told, check.isShort, openFiles()], [[], false, before]);
});

Deno.test("DescriptorCheck counts the connections that there are as found", () => {
  const search = new DescriptorCheck(TOO_MANY, () => TOO_MANY + OTHERS).steps();
  assert.deepEqual(search.next(), { value: undefined, done: true });
});

Deno.test("DescriptorCheck tells at once what is missing where it must not wait, and nothing where there is enough", () => {
  const told: string[] = [];
  const enough = new DescriptorCheck(1, () => 0);
  enough.now((shortage) => told.push(shortage));
  assert.deepEqual([told, enough.isShort], [[], false]);
  const short = new DescriptorCheck(TOO_MANY, () => 0);
  short.now((shortage) => told.push(shortage));
  assert.match(told[0] ?? "", /may open only \d+ more files/);
  assert.equal(short.isShort, true);
});

Deno.test("DescriptorCheck that is stopped gives back its files and tells nothing", async () => {
  const before = openFiles();
  const check = new DescriptorCheck(TOO_MANY, () => 0);
  const told: string[] = [];
  check.start((shortage) => told.push(shortage), 0);
  await check.stop();
  assert.deepEqual([told, check.isShort, openFiles()], [[], false, before]);
});

Deno.test("DescriptorCheck tells how many files a process with a low limit may open, and gives them back", async () => {
  const source = new URL("../src/descriptors.ts", import.meta.url).href;
  const program = `
    import { DescriptorCheck } from "${source}";
    const check = new DescriptorCheck(1_000, () => 10);
    await new Promise((resolve) => check.start(resolve, 0)).then(console.log);
    console.log(check.isShort, [...Deno.readDirSync("/proc/self/fd")].length < 100);`;
  const { stdout } = await new Deno.Command("sh", {
    args: ["-c", 'ulimit -n 300; exec "$0" eval "$1"', Deno.execPath(), program],
  }).output();
  const [shortage, ...rest] = new TextDecoder().decode(stdout).trim().split("\n");
  assert.match(
    shortage ?? "",
    /^this process may open only 2\d\d more files, thrift.maxConnections = 1000 needs 1512: /,
  );
  assert.deepEqual(rest, ["true true"]);
});

/** How many files this process has open. */
function openFiles(): number {
  return [...Deno.readDirSync("/proc/self/fd")].length;
}
