// @ts-check
// A classic script, so that it runs before the first paint: a dark page does not flash white.
(() => {
  const theme = localStorage.getItem("elves-heartbeat.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
})();
