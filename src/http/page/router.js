// @ts-check
/** @typedef {import("./types.ts").Place} Place */

/**
 * Where the page is. It stands behind `#`, so that a reload, a login and a link from elsewhere all come to the same
 * place, and filters stay out of the logs of proxies.
 * @returns {Place}
 */
export function currentPlace() {
  const [path = "", query = ""] = location.hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  return { path: path.split("/").filter((part) => part !== "").map(decoded), query: new URLSearchParams(query) };
}

/** @param {string} part @returns {string} */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch (cause) {
    if (cause instanceof URIError) return part;
    throw cause;
  }
}

/**
 * The address of a place.
 * @param {string[]} path
 * @param {Record<string, string | number | undefined>} [query] what is empty or undefined is left out
 * @returns {string}
 */
export function linkTo(path, query = {}) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== "") search.set(name, String(value));
  }
  const text = search.toString();
  return `#/${path.map(encodeURIComponent).join("/")}${text === "" ? "" : `?${text}`}`;
}

/**
 * Goes to a place.
 * @param {string} link made by `linkTo`
 * @param {{ replace?: boolean }} [options] replace: the back button does not come back to where we are now
 */
export function navigate(link, { replace = false } = {}) {
  if (link === location.hash) return;
  if (replace) history.replaceState(null, "", link);
  else history.pushState(null, "", link);
  dispatchEvent(new HashChangeEvent("hashchange"));
}
