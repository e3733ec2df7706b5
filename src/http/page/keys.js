// @ts-check

/** The places that `g` and a letter lead to. */
export const GO_KEYS = /** @type {const} */ ({
  o: [],
  a: ["agents"],
  p: ["apps"],
  e: ["events"],
  s: ["silences"],
  h: ["health"],
});

/** How long `g` waits for its letter, ms. */
const SECOND_KEY_MS = 1_500;

/** @param {{ search: () => void, help: () => void, go: (path: string[]) => void }} actions */
export function installKeys({ search, help, go }) {
  let goUntilMs = -Infinity;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (document.querySelector("dialog[open]") !== null) return;
    if (isTyping(event.target)) {
      if (event.key === "Escape" && event.target instanceof HTMLElement) event.target.blur();
      if (event.key !== "ArrowDown" || !isSearch(event.target)) return;
    }
    const goPath = performance.now() < goUntilMs
      ? Object.entries(GO_KEYS).find(([key]) => key === event.key)
      : undefined;
    goUntilMs = -Infinity;
    if (goPath !== undefined) go([...goPath[1]]);
    else if (event.key === "/") search();
    else if (event.key === "?") help();
    else if (event.key === "g") goUntilMs = performance.now() + SECOND_KEY_MS;
    else if (!moveInRows(event)) return;
    event.preventDefault();
  });
}

/** @param {EventTarget | null} target @returns {boolean} whether keys go into a text */
function isTyping(target) {
  return target instanceof HTMLElement && target.matches("input, select, textarea");
}

/** @param {EventTarget | null} target @returns {boolean} */
function isSearch(target) {
  return target instanceof HTMLElement && target.matches("input[type=search]");
}

/** Moves the focus between the rows of the table. @param {KeyboardEvent} event @returns {boolean} whether it did */
function moveInRows({ key, target }) {
  const step = key === "ArrowDown" || key === "j" ? 1 : key === "ArrowUp" || key === "k" ? -1 : 0;
  if (step === 0) return false;
  const links = [...document.querySelectorAll("table.rows tbody a.row-link")];
  const row = target instanceof Element ? target.closest("tbody tr") : null;
  // Elsewhere the arrows scroll.
  if (row === null && !isSearch(target) && key.startsWith("Arrow")) return false;
  const at = links.findIndex((link) => row?.contains(link));
  const next = links[at === -1 && step === -1 ? links.length - 1 : at + step];
  if (next instanceof HTMLElement) next.focus();
  return next !== undefined;
}
