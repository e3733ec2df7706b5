import type { Route } from "../route.ts";
import { etagOf, tagged } from "./answers.ts";
import { openApiDocument } from "./openapi/document.ts";
import { NOTHING, readQuery } from "./parameters.ts";

/** The document that describes the API; made when it is asked for the first time. */
export function openApiRoutes(): Route[] {
  let document: Promise<{ text: string; tag: string }> | undefined;
  return [{
    method: "GET",
    path: "/api/v1/openapi.json",
    handle: async (call) => {
      readQuery(call, NOTHING);
      document ??= made();
      const { text, tag } = await document;
      return tagged(call.request, text, tag);
    },
  }];
}

async function made(): Promise<{ text: string; tag: string }> {
  const text = JSON.stringify(openApiDocument());
  return { text, tag: await etagOf(text) };
}
