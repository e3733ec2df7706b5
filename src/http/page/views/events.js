// @ts-check
import { get, Loader } from "../api.js";
import { h, syncChildren } from "../dom.js";
import { eventLine, KINDS } from "../event_line.js";
import { t } from "../i18n.js";
import { FaultLine } from "../parts.js";
import { linkTo, navigate } from "../router.js";
/** @typedef {import("../types.ts").EventRow} EventRow @typedef {import("../types.ts").EventPage} EventPage */

const PAGE = 100;

/** What happened. @param {import("../main.js").Context} context @returns {import("../types.ts").View} */
export function eventsView({ place }) {
  let kinds = readKinds(place.query);
  let ip = place.query.get("ip") ?? "";
  /** @type {EventRow[]} */
  let events = [];
  /** @type {string | null} */
  let next = null;
  const fault = new FaultLine();
  const list = h("ol", { class: "events long" });
  const none = h("p", { class: "empty", hidden: true }, t("events.none"));
  const more = h(
    "button",
    { class: "button", type: "button", hidden: true, on: { click: () => older.quietly() } },
    t("events.more"),
  );
  const address = h("input", {
    type: "search",
    placeholder: t("events.ip"),
    "aria-label": t("events.ip"),
    autocomplete: "off",
    spellcheck: "false",
    on: { change: () => go(kinds, address.value.trim()) },
  });
  const boxes = Object.keys(KINDS).map(kindBox);

  const latest = new Loader(
    (signal) => get("events", question(undefined), signal),
    (/** @type {EventPage} */ answer) => {
      // What was loaded further down stays.
      const seen = new Set(answer.events.map(({ id }) => id));
      const oldest = answer.events.at(-1)?.at_ms ?? -Infinity;
      const rest = answer.next === null ? [] : events.filter(({ id, at_ms }) => !seen.has(id) && at_ms <= oldest);
      if (rest.length === 0) next = answer.next;
      events = [...answer.events, ...rest];
      draw();
    },
    (cause) => fault.show(cause),
  );
  const older = new Loader(
    (signal) => get("events", question(next ?? undefined), signal),
    (/** @type {EventPage} */ answer) => {
      const seen = new Set(events.map(({ id }) => id));
      events = [...events, ...answer.events.filter(({ id }) => !seen.has(id))];
      next = answer.next;
      draw();
    },
    (cause) => fault.show(cause),
  );

  /** @param {string | undefined} before */
  function question(before) {
    return { kind: [...kinds].join(","), ip, before, limit: PAGE };
  }

  function draw() {
    fault.clear();
    none.hidden = events.length > 0;
    more.hidden = next === null;
    syncChildren(list, events, { key: ({ id }) => id, create: eventLine, update: () => {} });
  }

  /** @param {Set<string>} chosen @param {string} of */
  function go(chosen, of) {
    navigate(linkTo(["events"], { kind: [...chosen].join(","), ip: of }));
  }

  /** @param {string} kind */
  function kindBox(kind) {
    const box = h("input", { type: "checkbox", value: kind });
    box.addEventListener("change", () => {
      const chosen = new Set(kinds);
      if (box.checked) chosen.add(kind);
      else chosen.delete(kind);
      go(chosen, ip);
    });
    return { box, node: h("label", { class: "chip" }, box, t(`kind.${kind}`)) };
  }

  function drawQuery() {
    for (const { box } of boxes) box.checked = kinds.has(box.value);
    if (document.activeElement !== address) address.value = ip;
  }

  drawQuery();
  latest.run();
  return {
    title: t("nav.events"),
    search: address,
    node: h(
      "div",
      { class: "view" },
      h("div", { class: "view-head" }, h("h1", {}, t("nav.events"))),
      h(
        "section",
        { class: "panel" },
        h("div", { class: "finder" }, h("div", { class: "search" }, address)),
        h("fieldset", { class: "chips" }, h("legend", {}, t("events.kinds")), ...boxes.map(({ node }) => node)),
        fault.node,
        none,
        list,
        more,
      ),
    ),
    go: (to) => {
      kinds = readKinds(to.query);
      ip = to.query.get("ip") ?? "";
      events = [];
      next = null;
      older.close();
      drawQuery();
      latest.run();
    },
    event: (event) => {
      if ((kinds.size > 0 && !kinds.has(event.kind)) || (ip !== "" && event.ip !== ip)) return;
      if (events.some(({ id }) => id === event.id)) return;
      events = [event, ...events];
      draw();
    },
    refresh: () => latest.quietly(),
    close: () => {
      latest.close();
      older.close();
    },
  };
}

/** @param {URLSearchParams} query @returns {Set<string>} */
function readKinds(query) {
  return new Set((query.get("kind") ?? "").split(",").filter((kind) => Object.hasOwn(KINDS, kind)));
}
