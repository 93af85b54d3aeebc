import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { configSchema } from "../../compose/config.ts";
import { loadConfig } from "../../platform/config.ts";
import { startHistory, testEvent } from "../app-server/history/support.ts";
import { startTestApi, type TestApi } from "../support/api.ts";
import { addTenantWithDevice } from "../support/catalog.ts";
import { createVirtualClock } from "../support/virtual-clock.ts";
import { blocksOf, codesIn, readText, tableUnder } from "./markdown.ts";

const page = readText("docs/history.md");
const blocks = blocksOf(page);
const run = promisify(execFile);
/** The page speaks of the day before. */
const nowMs = Date.UTC(2030, 1, 1, 12);

let api: TestApi;
let env: Readonly<Record<string, string | undefined>>;
beforeAll(async () => {
  api = await startTestApi({ clock: createVirtualClock(nowMs) });
  const { tenant, application, device } = await addTenantWithDevice(api.repositories, "Acme", "70b3d57ed0001234");
  const key = { tenantId: null, name: "docs", role: "administrator", expiresAt: null } as const;
  const { token } = await api.repositories.apiKeys.create(key);
  const url = await api.app.listen({ host: "127.0.0.1", port: 0 });
  env = { PATH: process.env.PATH, no_proxy: "*", UPCHIRP: url, TOKEN: token, TENANT: tenant.id };
  const history = startHistory(api.sql);
  await history.clock.advance(nowMs - history.clock.nowMs());
  const whose = { tenantId: tenant.id, applicationId: application.id, devEui: device.devEui };
  const readings = [21.5, 22.5].map((degrees, n) => ({
    ...testEvent(n, { atMs: nowMs - 60_000 * (2 - n), body: { object: { temperatureSensor: { 1: degrees } } } }),
    ...whose,
  }));
  const codecFault = testEvent(9, { kind: "log", atMs: nowMs - 30_000, body: { code: "UPLINK_CODEC" } });
  await history.keeper.keep([...readings, { ...codecFault, ...whose }]);
});
afterAll(() => api.end());

/** What each of the page's calls is answered with. */
const answers: Readonly<Record<string, (answer: string) => void>> = {
  event: answer =>
    expect(JSON.parse(answer)).toMatchObject({ items: [{ kind: "log", content: { code: "UPLINK_CODEC" } }] }),
  measurements: answer => expect(answer).toMatch(/"key":"temperatureSensor\.1".*"value":22\.5/),
  chart: answer =>
    expect(JSON.parse(answer)).toMatchObject({
      points: expect.arrayContaining([expect.objectContaining({ count: 2, average: 22 })]),
    }),
  download: answer =>
    expect(answer).toMatch(/^time,kind,devEui,.*\r?\n2030-02-01T11:59:30\.000Z,log,70b3d57ed0001234,.*UPLINK_CODEC/),
  settings: answer =>
    expect(JSON.parse(answer)).toMatchObject({
      own: { eventDays: 90, frameDays: 0 },
      limits: { eventDays: 90, frameDays: 0 },
    }),
};

describe("docs/history.md", () => {
  test("has no call that is not tried here", () => {
    expect(blocks.map(({ label }) => label.replace(/^curl /, ""))).toEqual(Object.keys(answers));
  });

  test.each(Object.entries(answers))("says what comes of its call: %s", async (name, check) => {
    const block = blocks.find(({ label }) => label === `curl ${name}`);
    const { stdout } = await run("bash", ["--norc", "-euc", `${block?.text.trim()} --silent --fail --max-time 20`], {
      env,
    });
    check(stdout);
  });

  test("its table has every parameter of the search", async () => {
    const document = (await api.call("GET", "/api/openapi.json")).json();
    const parameters: readonly { name: string; in: string }[] = document.paths["/api/events/history"].get.parameters;
    const known = parameters.filter(parameter => parameter.in === "query").map(({ name }) => name);
    expect(
      tableUnder(page, "Events")
        .flatMap(([names]) => codesIn(names))
        .toSorted(),
    ).toEqual(known.toSorted());
  });

  test("says how long things are kept unless somebody says otherwise", () => {
    const { history } = loadConfig(configSchema, { fileText: "", env: {}, overrides: [] }).appServer;
    const [, section = ""] = page.split("## How long it is kept");
    expect(section).toContain(
      `kept for ${history.eventDays} days, frames for ${history.frameDays}, and both together up to ${history.maxMegabytes} MB`,
    );
    expect(page).toContain(`hours and days for ${history.measurementDays} days`);
  });
});
