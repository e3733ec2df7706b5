import { EVENT_KINDS } from "../../../fleet/events.ts";
import { MAX_SIZE } from "../parameters.ts";
import { type Answer, answer, inPath, type Operation, type Parameter, query } from "./operation.ts";
import { ref, type Schema } from "./schema.ts";

const CATALOG_ID = inPath("id", "Number of the catalog.", { type: "integer", minimum: 1 });
const LOCAL = "The apps come from auth.localAppInfo";
const STORE = { 503: "The store cannot be read at the moment." };

const SIDE: Schema = { type: "string", pattern: "^(\\d+|held|current)$", examples: ["current"] };

const IF_NONE_MATCH: Parameter = {
  ...{ name: "If-None-Match", in: "header", description: "The ETag of what the caller has." },
  schema: { type: "string" },
};
const UNCHANGED: Answer = { description: "The caller has it." };

function withTag(good: Answer): Answer {
  return { ...good, headers: { ETag: "For `If-None-Match`." } };
}

/** Catalogs, events, backup, and the state of the service itself. */
export const SERVICE_OPERATIONS: readonly Operation[] = [
  {
    ...{ method: "GET", path: "/api/v1/summary", id: "getSummary", tag: "service" },
    summary: "The whole service at a glance",
    answers: { 200: answer("Summary", "How it is.") },
  },
  {
    ...{ method: "GET", path: "/api/v1/history", id: "getHistory", tag: "service" },
    summary: "Agents by state and beats, over at most the last 24 hours",
    parameters: [
      query("points", "The most points.", { type: "integer", minimum: 1, maximum: 2_000, default: 360 }),
      query("span", "How far back, 10s to 24h.", { type: "string", default: "24h" }),
    ],
    answers: { 200: answer("History", "Lists of one length.") },
  },
  {
    ...{ method: "GET", path: "/api/v1/stream", id: "stream", tag: "service" },
    summary: "Live: the summary every second, and every event",
    description:
      "Messages `summary` (Summary), `event` (Event, with its id) and `reset` (the last id is not known any " +
      "more: load everything again). Reconnect with `Last-Event-ID`.",
    parameters: [
      {
        ...{ name: "Last-Event-ID", in: "header", description: "The id of the last event that the caller knows." },
        schema: { type: "string" },
      },
      query("last_event_id", "The same, for clients that cannot set the header.", { type: "string" }),
    ],
    answers: { 200: { description: "Server-sent events.", content: { "text/event-stream": { type: "string" } } } },
    problems: { 503: "There are 100 readers already." },
  },
  {
    ...{ method: "GET", path: "/api/v1/events", id: "listEvents", tag: "events" },
    summary: "What happened, the newest first",
    parameters: [
      query("ip", "About this agent.", { type: "string" }),
      query("kind", `Of these kinds, separated by commas: ${EVENT_KINDS.join(", ")}.`, { type: "string" }),
      query("before", "Those before the event of this id: the `next` of the page before.", { type: "string" }),
      query("limit", "How many at most.", { type: "integer", minimum: 1, maximum: MAX_SIZE, default: 100 }),
    ],
    answers: { 200: answer("EventPage", "One page.") },
    problems: STORE,
  },
  {
    ...{ method: "GET", path: "/api/v1/catalogs", id: "listCatalogs", tag: "catalogs" },
    summary: "The last catalogs, and the one that is held back",
    answers: { 200: answer("CatalogList", "The history.") },
    problems: STORE,
  },
  {
    ...{ method: "GET", path: "/api/v1/catalogs/diff", id: "diffCatalogs", tag: "catalogs" },
    summary: "What is different between two catalogs",
    parameters: [
      { ...query("from", "A number, `current` or `held`.", SIDE), required: true },
      { ...query("to", "A number, `current` or `held`.", SIDE), required: true },
    ],
    answers: { 200: answer("CatalogDiff", "By app and version.") },
    problems: { 404: "There is no such catalog.", 409: `${LOCAL}: there is nothing to compare.`, ...STORE },
  },
  {
    ...{ method: "GET", path: "/api/v1/catalogs/{id}", id: "getCatalog", tag: "catalogs" },
    summary: "One catalog of the history",
    parameters: [CATALOG_ID, IF_NONE_MATCH],
    answers: { 200: withTag(answer("Catalog", "The catalog.")), 304: withTag(UNCHANGED) },
    problems: { 404: "There is no such catalog.", ...STORE },
  },
  {
    ...{ method: "POST", path: "/api/v1/catalogs/accept", id: "acceptCatalog", tag: "catalogs" },
    summary: "Put the held catalog in force",
    body: "AcceptCatalog",
    answers: { 200: answer("CatalogResult", "It is in force.") },
    problems: {
      409: "That catalog is not held (any more), or there is none to accept: the apps come from auth.localAppInfo.",
    },
  },
  {
    ...{ method: "POST", path: "/api/v1/catalogs/{id}/rollback", id: "rollBackCatalog", tag: "catalogs" },
    summary: "Put a catalog of the history in force, until supervisor gives another one",
    parameters: [CATALOG_ID],
    answers: { 200: answer("CatalogResult", "It is in force.") },
    problems: { 404: "There is no such catalog.", 409: `${LOCAL}.`, ...STORE },
  },
  {
    ...{ method: "POST", path: "/api/v1/backup", id: "backup", tag: "service" },
    summary: "A copy of the live store",
    answers: {
      200: {
        description: "A database of SQLite.",
        content: { "application/vnd.sqlite3": { type: "string", format: "binary" } },
        headers: { "Content-Disposition": "A name for the file.", "Content-Length": "Its size, bytes." },
      },
    },
    problems: { 409: "Another backup is being made or taken away.", ...STORE },
  },
  {
    ...{ method: "GET", path: "/api/v1/openapi.json", id: "getDocument", tag: "service" },
    summary: "This document",
    parameters: [IF_NONE_MATCH],
    answers: {
      200: withTag({ description: "OpenAPI 3.1.", content: { "application/json": { type: "object" } } }),
      304: withTag(UNCHANGED),
    },
  },
  {
    ...{ method: "GET", path: "/metrics", id: "getMetrics", tag: "service" },
    summary: "Figures for Prometheus",
    answers: { 200: { description: "Text format.", content: { "text/plain": { type: "string" } } } },
  },
  {
    ...{ method: "GET", path: "/healthz", id: "isAlive", tag: "health", open: true },
    summary: "Whether the process works",
    answers: { 200: answer("Alive", "It does.") },
  },
  {
    ...{ method: "GET", path: "/readyz", id: "isReady", tag: "health", open: true },
    summary: "Whether beats are served and RabbitMQ is up, and how each part is",
    answers: {
      200: answer("Readiness", "Ready."),
      503: { description: "Not ready.", content: { "application/json": ref("Readiness") } },
    },
  },
  {
    ...{ method: "GET", path: "/readyz/beats", id: "servesBeats", tag: "health", open: true },
    summary: "Whether beats are served, for balancers",
    answers: { 200: answer("BeatReadiness", "They are."), 503: answer("BeatReadiness", "They are not.") },
  },
];
