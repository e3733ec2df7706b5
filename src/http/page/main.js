// @ts-check
import { Banners } from "./banners.js";
import { byId } from "./dom.js";
import { openDialog } from "./dialog.js";
import { setServerTime } from "./format.js";
import { t, translateStatic } from "./i18n.js";
import { Live } from "./live.js";
import { currentPlace, linkTo, navigate } from "./router.js";
import { Shell } from "./shell.js";
import { installKeys } from "./keys.js";
import { agentView } from "./views/agent.js";
import { agentsView } from "./views/agents.js";
import { appView } from "./views/app.js";
import { appsView } from "./views/apps.js";
import { eventsView } from "./views/events.js";
import { healthView } from "./views/health.js";
import { missingView } from "./views/missing.js";
import { overviewView } from "./views/overview.js";
import { silencesView } from "./views/silences.js";
/** @typedef {import("./types.ts").View} View @typedef {import("./types.ts").Place} Place */
/** @typedef {import("./types.ts").Summary} Summary */

/** How often what is shown is loaded again, ms. */
const REFRESH_MS = 5_000;

/** What every view may use. @typedef {{ place: Place, summary: Summary | undefined, refresh: () => void }} Context */

/** @type {{ match: (path: string[]) => boolean, open: (context: Context) => View }[]} */
const VIEWS = [
  { match: ({ length }) => length === 0, open: overviewView },
  { match: ([first, ...rest]) => first === "agents" && rest.length === 0, open: agentsView },
  { match: ([first, ...rest]) => first === "agents" && rest.length === 1, open: agentView },
  { match: ([first, ...rest]) => first === "apps" && rest.length === 0, open: appsView },
  { match: ([first, ...rest]) => first === "apps" && rest.length === 1, open: appView },
  { match: ([first, ...rest]) => first === "events" && rest.length === 0, open: eventsView },
  { match: ([first, ...rest]) => first === "silences" && rest.length === 0, open: silencesView },
  { match: ([first, ...rest]) => first === "health" && rest.length === 0, open: healthView },
  { match: () => true, open: missingView },
];

const main = byId("main");
/** @type {View | undefined} */
let view;
let viewPath = "";
/** @type {Summary | undefined} */
let summary;
let stale = false;

/** Shows the place that the address names. */
function show() {
  // The link that skips the navigation is about this place, not another one.
  if (location.hash === "#main") return main.focus();
  const place = currentPlace();
  const path = place.path.join("/");
  if (view?.go !== undefined && path === viewPath) return view.go(place);
  const isFirst = view === undefined;
  view?.close?.();
  viewPath = path;
  const found = VIEWS.find(({ match }) => match(place.path));
  if (found === undefined) throw new Error("every place has a view");
  view = found.open({ place, summary, refresh: () => view?.refresh?.() });
  main.replaceChildren(view.node);
  document.title = `${view.title} · Elves heartbeat`;
  shell.placed(place.path[0] ?? "");
  if (summary !== undefined) view.summary?.(summary);
  if (isFirst) return;
  scrollTo(0, 0);
  main.focus({ preventScroll: true });
}

/** Makes everything anew, as in another language. */
function showAnew() {
  viewPath = "\0";
  translateStatic();
  shell.draw();
  banners.draw();
  if (summary !== undefined) received(summary);
  show();
}

/** @param {Summary} next */
function received(next) {
  summary = next;
  setServerTime(next.now_ms);
  shell.summary(next);
  banners.summary(next);
  view?.summary?.(next);
}

const shell = new Shell({ onLanguage: showAnew, onKeys: showKeys });
const banners = new Banners({ done: () => view?.refresh?.() });
const live = new Live({
  summary: received,
  event: (event) => view?.event?.(event),
  reset: () => view?.refresh?.(),
  stale: (isStale) => {
    stale = isStale;
    document.documentElement.classList.toggle("is-stale", isStale);
    banners.stale(isStale ? live.summaryAt : undefined);
    shell.stale(isStale);
    if (!isStale) view?.refresh?.();
  },
});

function showKeys() {
  openDialog(t("keys.title"), [shell.keysTable()]);
}

translateStatic();
shell.draw();
addEventListener("hashchange", show);
addEventListener("elves-heartbeat-theme", () => view?.refresh?.());
installKeys({
  search: () => {
    if (view?.search === undefined) navigate(linkTo(["agents"]));
    view?.search?.focus();
  },
  help: showKeys,
  go: (path) => navigate(linkTo(path)),
});
show();
live.start();
setInterval(() => {
  if (!document.hidden && !stale) view?.refresh?.();
}, REFRESH_MS);
