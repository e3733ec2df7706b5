/** The alert rules and the dashboard that are installed beside the configuration, against a service that runs. */
import assert from "node:assert/strict";
import { startApp } from "../support/app.ts";
import { type Exposition, scrape } from "./exposition.ts";
import { askedBy } from "./promql.ts";
import { promtool } from "./promtool.ts";

const ALERTS = new URL("../../conf/alerts.yml", import.meta.url).pathname;
const ALERT_TESTS = new URL("alerts_test.yml", import.meta.url).pathname;
const DASHBOARD = new URL("../../conf/grafana-dashboard.json", import.meta.url).pathname;
/** What Prometheus adds to what it scrapes. */
const PROMETHEUS_LABELS: ReadonlySet<string> = new Set(["job", "instance"]);
const PROMETHEUS_NAMES: ReadonlySet<string> = new Set(["up"]);
/** Width of Grafana's grid, columns. */
const GRID = 24;

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly datasource?: { readonly type: string; readonly uid: string };
  readonly targets?: readonly { readonly refId: string; readonly expr: string; readonly legendFormat: string }[];
  readonly fieldConfig?: unknown;
}

interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly schemaVersion: number;
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string; query: unknown }[] };
  readonly annotations: { readonly list: readonly { readonly name: string; readonly expr?: string }[] };
  readonly panels: readonly Panel[];
}

async function readDashboard(): Promise<Dashboard> {
  return JSON.parse(await Deno.readTextFile(DASHBOARD));
}

/** The blocks of alerts.yml, which has each value on one line. */
async function readAlerts(): Promise<Record<"alert" | "expr" | "severity" | "summary" | "description", string>[]> {
  const blocks = (await Deno.readTextFile(ALERTS)).split(/^ {6}- alert: /m).slice(1);
  return blocks.map((block) => {
    const value = (pattern: RegExp) => pattern.exec(block)?.[1] ?? "";
    return {
      alert: value(/^(\w+)$/m),
      expr: value(/^ {8}expr: (.+)$/m),
      severity: value(/severity: (\w+)/),
      summary: value(/^ {10}summary: "(.+)"$/m),
      description: value(/^ {10}description: "(.+)"$/m),
    };
  });
}

/** Expressions of the dashboard by where they stand, with Grafana's variables filled in. */
function expressions({ panels, annotations }: Dashboard): [place: string, expression: string][] {
  const all = [
    ...panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }): [string, string] => [title, expr])),
    ...annotations.list.flatMap(({ name, expr }): [string, string][] => expr === undefined ? [] : [[name, expr]]),
  ];
  return all.map(([place, expr]) => [
    place,
    expr.replaceAll("$__rate_interval", "5m").replaceAll("$instance", ".*"),
  ]);
}

function checkExpression(place: string, expression: string, figures: Exposition): void {
  const { names, matchers, groupedBy } = askedBy(expression);
  assert.ok(names.size > 0, `${place}: no metric in ${expression}`);
  for (const name of names) {
    assert.ok(figures.names.has(name) || PROMETHEUS_NAMES.has(name), `${place}: there is no metric ${name}`);
  }
  for (const { name, label, pattern } of matchers) {
    if (PROMETHEUS_LABELS.has(label)) continue;
    const values = [...figures.labelValues(name, label) ?? []];
    assert.ok(values.some((value) => pattern.test(value)), `${place}: no ${name} has a ${label} like ${pattern}`);
  }
  for (const label of groupedBy) {
    const isThere = [...names].some((name) => figures.labelValues(name, label) !== undefined);
    assert.ok(isThere || PROMETHEUS_LABELS.has(label), `${place}: no label ${label} in ${expression}`);
  }
}

Deno.test("alerts.yml is what Prometheus loads, and each rule fires when and only when it should", async () => {
  assert.match(await promtool(["check", "rules", ALERTS]), /SUCCESS/);
  assert.match(await promtool(["test", "rules", ALERT_TESTS]), /SUCCESS/);
  const tests = await Deno.readTextFile(ALERT_TESTS);
  for (const { alert } of await readAlerts()) {
    assert.ok(tests.includes(`alertname="${alert}"`), `${alert} is never seen to fire in ${ALERT_TESTS}`);
  }
});

Deno.test("alerts.yml names its severities, and says of each alert what to do", async () => {
  const alerts = await readAlerts();
  assert.ok(alerts.length >= 20);
  assert.equal(new Set(alerts.map(({ alert }) => alert)).size, alerts.length);
  for (const { alert, severity, summary, description } of alerts) {
    assert.match(alert, /^ElvesHeartbeat[A-Z]/);
    assert.match(severity, /^(critical|warning)$/, alert);
    assert.ok(summary.length > 20 && summary.length < 120, `${alert}: ${summary}`);
    assert.ok(description.length > 80, `${alert}: ${description}`);
  }
});

Deno.test("alerts.yml and the dashboard ask only for what a running service exports", async () => {
  await using service = await startApp();
  // From the second on there is one request to be shown.
  await scrape(service.url);
  const { figures } = await scrape(service.url);
  for (const { alert, expr } of await readAlerts()) checkExpression(alert, expr, figures);
  const dashboard = await readDashboard();
  for (const [place, expression] of expressions(dashboard)) checkExpression(place, expression, figures);
  for (const { title, targets = [] } of dashboard.panels) {
    for (const { expr, legendFormat } of targets) {
      const names = [...askedBy(expr.replaceAll("$__rate_interval", "5m")).names];
      for (const [, label = ""] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) {
        const isThere = names.some((name) => figures.labelValues(name, label) !== undefined);
        assert.ok(isThere || PROMETHEUS_LABELS.has(label), `${title}: no label ${label} for its legend`);
      }
    }
  }
});

Deno.test("each figure of the service is in the dashboard or in an alert", async () => {
  await using service = await startApp();
  const { figures } = await scrape(service.url);
  const shown = new Set<string>();
  const asked = [
    ...expressions(await readDashboard()).map(([, expr]) => expr),
    ...(await readAlerts()).map((a) => a.expr),
  ];
  for (const expr of asked) {
    for (const name of askedBy(expr).names) shown.add(name.replace(/_(bucket|sum|count)$/, ""));
  }
  // What nobody looks at before there are several instances; and the sum of what is shown in two parts.
  const unseen = ["elves_heartbeat_cluster_enabled", "elves_heartbeat_warming", "process_cpu_seconds_total"];
  const missing = [...figures.types.keys()].filter((name) => !shown.has(name) && !unseen.includes(name));
  assert.deepEqual(missing, []);
});

Deno.test("the dashboard has what Grafana's import requires, and panels that do not overlap", async () => {
  const { uid, title, schemaVersion, templating, panels } = await readDashboard();
  assert.match(uid, /^[\w-]{1,40}$/);
  assert.equal(title, "elves-heartbeat");
  assert.ok(Number.isInteger(schemaVersion) && schemaVersion >= 36);
  const variables = Object.fromEntries(templating.list.map(({ name, type, query }) => [name, { type, query }]));
  assert.deepEqual(variables.datasource, { type: "datasource", query: "prometheus" });
  assert.equal(variables.instance?.type, "query");
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
  const taken = new Map<string, string>();
  for (const { type, title, gridPos: { x, y, w, h }, datasource, targets = [], fieldConfig } of panels) {
    assert.ok([x, y, w, h].every(Number.isInteger) && x >= 0 && y >= 0 && w > 0 && h > 0 && x + w <= GRID, title);
    for (let column = x; column < x + w; column++) {
      for (let line = y; line < y + h; line++) {
        assert.equal(taken.get(`${column}/${line}`), undefined, `"${title}" lies on another panel`);
        taken.set(`${column}/${line}`, title);
      }
    }
    if (type === "row") continue;
    assert.ok(["stat", "timeseries"].includes(type), `${title}: ${type}`);
    assert.deepEqual(datasource, { type: "prometheus", uid: "${datasource}" });
    assert.ok(fieldConfig !== undefined && targets.length > 0, title);
    assert.equal(new Set(targets.map(({ refId }) => refId)).size, targets.length, title);
  }
});

Deno.test("the dashboard has only expressions that Prometheus can read", async () => {
  const rules = expressions(await readDashboard()).map(([, expr], i) => ({ record: `panel:${i}`, expr }));
  // JSON is YAML too.
  const file = await Deno.makeTempFile({ suffix: ".yml" });
  try {
    await Deno.writeTextFile(file, JSON.stringify({ groups: [{ name: "dashboard", rules }] }));
    assert.match(await promtool(["check", "rules", file]), new RegExp(`SUCCESS: ${rules.length} rules found`));
  } finally {
    await Deno.remove(file);
  }
});
