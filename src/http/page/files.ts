import actionsJs from "./actions.js" with { type: "text" };
import agentFiltersJs from "./agent_filters.js" with { type: "text" };
import agentTableJs from "./agent_table.js" with { type: "text" };
import apiJs from "./api.js" with { type: "text" };
import bannersJs from "./banners.js" with { type: "text" };
import baseCss from "./base.css" with { type: "text" };
import catalogsJs from "./catalogs.js" with { type: "text" };
import chartJs from "./chart.js" with { type: "text" };
import clusterPanelJs from "./cluster_panel.js" with { type: "text" };
import dialogJs from "./dialog.js" with { type: "text" };
import domJs from "./dom.js" with { type: "text" };
import enJs from "./en.js" with { type: "text" };
import eventLineJs from "./event_line.js" with { type: "text" };
import formatJs from "./format.js" with { type: "text" };
import healthPartsJs from "./health_parts.js" with { type: "text" };
import historyJs from "./history.js" with { type: "text" };
import i18nJs from "./i18n.js" with { type: "text" };
import iconSvg from "./icon.svg" with { type: "text" };
import keysJs from "./keys.js" with { type: "text" };
import layoutCss from "./layout.css" with { type: "text" };
import liveJs from "./live.js" with { type: "text" };
import loginJs from "./login.js" with { type: "text" };
import mainJs from "./main.js" with { type: "text" };
import overviewCss from "./overview.css" with { type: "text" };
import pagerJs from "./pager.js" with { type: "text" };
import partsCss from "./parts.css" with { type: "text" };
import partsJs from "./parts.js" with { type: "text" };
import routerJs from "./router.js" with { type: "text" };
import shellJs from "./shell.js" with { type: "text" };
import silenceListJs from "./silence_list.js" with { type: "text" };
import tablesCss from "./tables.css" with { type: "text" };
import textJs from "./text.js" with { type: "text" };
import themeJs from "./theme.js" with { type: "text" };
import viewAgentJs from "./views/agent.js" with { type: "text" };
import viewAgentsJs from "./views/agents.js" with { type: "text" };
import viewAppJs from "./views/app.js" with { type: "text" };
import viewAppsJs from "./views/apps.js" with { type: "text" };
import viewEventsJs from "./views/events.js" with { type: "text" };
import viewFirstAgentJs from "./views/first_agent.js" with { type: "text" };
import viewHealthJs from "./views/health.js" with { type: "text" };
import viewMissingJs from "./views/missing.js" with { type: "text" };
import viewOverviewJs from "./views/overview.js" with { type: "text" };
import viewSilencesJs from "./views/silences.js" with { type: "text" };
import zhJs from "./zh.js" with { type: "text" };
import indexHtml from "./index.html" with { type: "text" };
import loginHtml from "./login.html" with { type: "text" };
import uplotJs from "uplot/dist/uPlot.iife.min.js" with { type: "text" };
import uplotCss from "uplot/dist/uPlot.min.css" with { type: "text" };

/** Every file that a browser may load, by its path below the assets' folder. Text imports make them part of the program. */
export const FILES: Readonly<Record<string, string>> = {
  "actions.js": actionsJs,
  "agent_filters.js": agentFiltersJs,
  "agent_table.js": agentTableJs,
  "api.js": apiJs,
  "banners.js": bannersJs,
  "base.css": baseCss,
  "catalogs.js": catalogsJs,
  "chart.js": chartJs,
  "cluster_panel.js": clusterPanelJs,
  "dialog.js": dialogJs,
  "dom.js": domJs,
  "en.js": enJs,
  "event_line.js": eventLineJs,
  "format.js": formatJs,
  "health_parts.js": healthPartsJs,
  "history.js": historyJs,
  "i18n.js": i18nJs,
  "icon.svg": iconSvg,
  "keys.js": keysJs,
  "layout.css": layoutCss,
  "live.js": liveJs,
  "login.js": loginJs,
  "main.js": mainJs,
  "overview.css": overviewCss,
  "pager.js": pagerJs,
  "parts.css": partsCss,
  "parts.js": partsJs,
  "router.js": routerJs,
  "shell.js": shellJs,
  "silence_list.js": silenceListJs,
  "tables.css": tablesCss,
  "text.js": textJs,
  "theme.js": themeJs,
  "views/agent.js": viewAgentJs,
  "views/agents.js": viewAgentsJs,
  "views/app.js": viewAppJs,
  "views/apps.js": viewAppsJs,
  "views/events.js": viewEventsJs,
  "views/first_agent.js": viewFirstAgentJs,
  "views/health.js": viewHealthJs,
  "views/missing.js": viewMissingJs,
  "views/overview.js": viewOverviewJs,
  "views/silences.js": viewSilencesJs,
  "zh.js": zhJs,
  "uplot.js": uplotJs,
  "uplot.css": uplotCss,
};

export { indexHtml, loginHtml };
