// @ts-check
import { ApiError } from "./api.js";
import { append, h } from "./dom.js";
import { t } from "./i18n.js";
/** @typedef {import("./dom.js").Child} Child */

/**
 * Asks before something is done. It stays open with the reason when that fails.
 * @param {object} question
 * @param {string} question.title
 * @param {Child[]} question.body says what will happen
 * @param {string} question.action the text of the button that does it
 * @param {boolean} [question.danger] whether it cannot be undone
 * @param {() => Promise<unknown>} question.run
 * @param {() => void} [question.done] after it was done
 */
export function ask({ title, body, action, danger = false, run, done }) {
  const fault = h("p", { class: "fault", role: "alert", hidden: true });
  const confirm = h("button", { class: danger ? "button danger" : "button primary" }, action);
  const cancel = h("button", { class: "button", type: "button", on: { click: () => dialog.close() } }, t("cancel"));
  const form = h("form", { on: { submit } }, ...body, fault, h("div", { class: "buttons" }, cancel, confirm));
  const dialog = openDialog(title, [form]);

  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault();
    confirm.disabled = true;
    fault.hidden = true;
    try {
      await run();
    } catch (cause) {
      fault.textContent = faultText(cause);
      fault.hidden = false;
      return;
    } finally {
      confirm.disabled = false;
    }
    dialog.close();
    done?.();
  }
}

/**
 * @param {string} title
 * @param {Child[]} body
 * @returns {HTMLDialogElement} shown above the page; Escape and the button in its corner close it
 */
export function openDialog(title, body) {
  const close = h("button", {
    class: "ghost close",
    type: "button",
    "aria-label": t("close"),
    on: { click: () => dialog.close() },
  }, "×");
  const heading = h("h2", { id: "dialog-title" }, title);
  const dialog = h("dialog", { "aria-labelledby": "dialog-title", on: { close: () => dialog.remove() } });
  append(dialog, [h("header", {}, heading, close), ...body]);
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** @param {unknown} cause @returns {string} what to tell of something that failed */
export function faultText(cause) {
  if (!(cause instanceof ApiError)) return String(cause);
  return cause.status === 0 ? t("fault.unreachable") : cause.message;
}

/** @param {string} text shown for a few seconds, and said */
export function notify(text) {
  const note = h("p", { class: "note" }, text);
  const area = document.getElementById("notes");
  area?.append(note);
  setTimeout(() => note.remove(), 6_000);
}
