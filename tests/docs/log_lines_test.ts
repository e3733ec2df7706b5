import assert from "node:assert/strict";

const ROOT = new URL("../../", import.meta.url);
/** A call that logs a warning or an error: perhaps the name of the fault, then the message. */
const CALL = /[.#](?:warn|error)\(\s*(?:(?:`[^`]*`|"[\w.]+"),\s*)?(?:"([^"]*)"|`([^`]*)`)/g;
/** A message that a call gets by name. */
const NAMED = /(?:\bmessage|\bGUARD_ON|\bGUARD_OFF)\s*=\s*(?:"([^"]*)"|`([^`]*)`)/g;

/** How a log line begins; what the configuration finds, which the log repeats, begins otherwise. */
const LINE = /^(?:[a-z]+(?: [a-z]+)?: |supervisor )/;

function sources(folder: string): string[] {
  return [...Deno.readDirSync(new URL(folder, ROOT))].flatMap(({ name, isDirectory }) =>
    isDirectory ? sources(`${folder}${name}/`) : name.endsWith(".ts") ? [`${folder}${name}`] : []
  );
}

/** A message with `...` where values stand. */
function plain(message: string): string {
  return message.replaceAll(/\$?\{[^}]*\}/g, "...");
}

function messages(): string[] {
  const found = sources("src/").filter((file) => !file.startsWith("src/cli/") || file === "src/cli/run.ts")
    .flatMap((file) => {
      const text = Deno.readTextFileSync(new URL(file, ROOT));
      return [...text.matchAll(CALL), ...text.matchAll(NAMED)].map(([, quoted, template]) => quoted ?? template ?? "");
    });
  return found.filter((message) => LINE.test(message)).map(plain);
}

/** The first column of the table of log lines. */
function rows(readme: string): string[] {
  const text = Deno.readTextFileSync(new URL(readme, ROOT));
  const table = /<!-- log lines -->(.*?)<!-- \/log lines -->/s.exec(text)?.[1] ?? "";
  return [...table.matchAll(/^\| `([^`]*)`/gm)].map(([, row = ""]) => row.replace(/ ?\.\.\.$/, ""));
}

for (const readme of ["README.md"]) {
  Deno.test(`${readme} explains every log line of level warning and error, and no other`, () => {
    const all = messages();
    const known = rows(readme);
    assert.ok(all.length > 40, `only ${all.length} messages were found in the sources`);
    assert.deepEqual(all.filter((message) => !known.some((row) => message.startsWith(row))), []);
    assert.deepEqual(known.filter((row) => !all.some((message) => message.startsWith(row))), []);
  });
}
