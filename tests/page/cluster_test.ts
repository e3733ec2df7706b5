import { ClusterBench, type Instance, wrongClock } from "../cluster/bench.ts";
import { startRabbit } from "../support/rabbitmq.ts";
import { TestBrowser } from "./browser.ts";

function urlOf({ app }: Instance): string {
  const { hostname, port } = app.httpAddress ?? { hostname: "", port: 0 };
  return `http://${hostname}:${port}`;
}

Deno.test("cluster: health shows every instance, and banners say what is wrong among them, in both languages", async () => {
  await using rabbit = await startRabbit();
  await using bench = await ClusterBench.start(rabbit, [{}, {
    clock: wrongClock(5_000),
    config: "auth.localAppInfo = {'app1':'2'}",
  }]);
  const [a, b] = bench.instances as [Instance, Instance];
  await using browser = await TestBrowser.launch();
  const name = (await b.summary).instance;
  const visit = await browser.open(urlOf(a), { place: "/health" });
  await visit.shows(".cluster caption + thead", "Heard of");
  await visit.counts(".cluster-table tbody tr", 2);
  await visit.shows(".cluster-table tbody tr:first-child", "this one");
  await visit.shows(".cluster-table tbody tr:last-child", name);
  await visit.shows(".cluster-table tbody tr:last-child", /[45]\.\d s ahead/);
  await visit.shows(".cluster", "all known");
  await visit.shows(".parts", "2 instances · leader ");
  await visit.shows(".banner >> nth=0", "Instances have different app catalogs");
  await visit.shows(".banner >> nth=0", `Other than here: ${name}.`);
  await visit.shows(".banner >> nth=1", "Clocks of instances differ");

  const chinese = await browser.open(urlOf(a), { language: "zh-CN" });
  await chinese.shows(".banner >> nth=0", "各实例的 App 目录不同");
  await chinese.page.click(".banner >> text=查看各实例");
  await chinese.isAt("/health");
  await chinese.shows(".cluster-table tbody tr:first-child", "本实例");
  await chinese.shows(".cluster-table tbody tr:last-child", /快 [45]\.\d 秒/);

  await b.stop();
  await visit.counts(".cluster-table tbody tr", 1);
  await visit.counts(".banner", 0);
  a.proxy.isRefusing = true;
  a.proxy.cut();
  await visit.shows(".banner", "Not everything is known here that other instances know");
  await visit.shows(".cluster", "catching up");
  await visit.shows(".cluster", "no leader");
  visit.assertQuiet();
  chinese.assertQuiet();
});
