// @ts-check
import { byId } from "./dom.js";
import { t, translateStatic } from "./i18n.js";

// The answer decides; where one wanted to go stands behind # and is still there after a reload.
translateStatic();
const token = /** @type {HTMLInputElement} */ (byId("token"));
const fault = byId("fault");

byId("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  fault.textContent = "";
  try {
    const response = await fetch("/login", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ token: token.value }),
    });
    if (response.ok) {
      localStorage.setItem("elves-heartbeat.login", "yes");
      location.reload();
      return;
    }
    fault.textContent = response.status === 401
      ? t("login.wrong")
      : t("login.failed", { reason: `HTTP ${response.status}` });
  } catch (cause) {
    fault.textContent = t("login.failed", { reason: String(cause) });
  }
  token.select();
});
