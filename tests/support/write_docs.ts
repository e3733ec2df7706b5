/** `deno task docs`: writes conf/conf.properties and the README's table of settings from the schema. */
import { confText, settingsTable } from "../../src/config/docs.ts";

/** Where the table stands in a Markdown file. */
export const TABLE = /(?<=<!-- settings -->\n\n)[\s\S]*?(?=\n\n<!-- \/settings -->)/;

if (import.meta.main) {
  const root = new URL("../../", import.meta.url);
  await Deno.writeTextFile(new URL("conf/conf.properties", root), confText());
  const readme = new URL("README.md", root);
  await Deno.writeTextFile(readme, (await Deno.readTextFile(readme)).replace(TABLE, settingsTable()));
}
