// Pictures of every page of the console, of a server around which devices are simulated: npm run screenshots,
// or of some: npm run screenshots -- overview devices
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Client } from "pg";
import type { Browser } from "playwright-core";
import { createClient, dataOf } from "../../client/client.ts";
import { openBrowser } from "../support/browser-process.ts";
import { startFleet } from "../support/console-fleet.ts";
import { openEmbeddedDatabase } from "../support/embedded-database.ts";

const images = fileURLToPath(new URL("../../docs/images/", import.meta.url));
const program = fileURLToPath(new URL("../../bin/upchirp.js", import.meta.url));
/** Names of pages; none: all. */
const wanted = process.argv.slice(2);
const isWanted = (name: string): boolean => wanted.length === 0 || wanted.includes(name);
const folder = mkdtempSync(join(tmpdir(), "upchirp-screenshots-"));

interface Server {
  readonly apiUrl: string;
  readonly udpPort: number;
  readonly login: { readonly email: string; readonly password: string };
  end(): Promise<void>;
}

function startServer(): Promise<Server> {
  const loopback = ["networkServer.udp.bind", "http.bind", "appServer.mqtt.broker.bind"].map(
    name => `${name}=127.0.0.1`,
  );
  const allowed = 'appServer.integrations.allowedNetworks=["127.0.0.0/8"]';
  const options = [...loopback, allowed].flatMap(setting => ["--set", setting]);
  const ports = ["--udp-port", "0", "--http-port", "0", "--mqtt-port", "0"];
  const child = spawn(process.execPath, [program, "start", ...ports, ...options], { cwd: folder });
  const ended = new Promise<void>(resolve => child.once("exit", () => resolve()));
  let output = "";
  return new Promise((resolve, reject) => {
    void ended.then(() => reject(new Error(output)));
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString();
      const [, password] = /\n {2}password +(\S+)/.exec(output) ?? [];
      if (password === undefined) return;
      resolve({
        apiUrl: `http://127.0.0.1:${/http:\/\/localhost:(\d+)/.exec(output)?.[1]}`,
        udpPort: Number(/UDP (\d+)/.exec(output)?.[1]),
        login: { email: /e-mail +(\S+)/.exec(output)?.[1] ?? "", password },
        async end() {
          child.kill("SIGTERM");
          await ended;
        },
      });
    });
  });
}

const simulatedS = 75;
/** One that nobody hears. */
const silentGateway = "0016c001ff10a235";

/** Names of things for the addresses of pages. */
type Ids = Readonly<
  Record<"tenantId" | "applicationId" | "deviceProfileId" | "devEui" | "gatewayId" | "integrationId", string>
>;

async function fill({ apiUrl, udpPort }: Server, token: string): Promise<{ ids: Ids; end(): Promise<void> }> {
  const client = createClient({ url: apiUrl, token });
  const fleet = startFleet({ apiUrl, udpPort, token: () => token }, { devices: 40, gateways: 6, intervalSeconds: 6 });
  const [tenant] = dataOf(await client.GET("/api/tenants")).items;
  const tenantId = tenant?.id ?? "";
  const receiver = createServer((request, response) => {
    request.resume();
    response.writeHead(request.url === "/no" ? 400 : 200).end();
  });
  await new Promise<void>(resolve => receiver.listen(0, "127.0.0.1", resolve));
  const address = receiver.address();
  const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
  const made = [];
  for (const [name, path] of [
    ["Dashboard", "/no"],
    ["Warehouse", "/"],
  ]) {
    const body = { tenantId, kind: "http", name: name ?? "", settings: { url: `${url}${path}` } };
    made.push(dataOf(await client.POST("/api/integrations", { body })));
  }
  dataOf(await client.POST("/api/users", { body: { email: "ada@example.org", password: "correct horse battery" } }));
  dataOf(await client.POST("/api/api-keys", { body: { tenantId, name: "dashboard", role: "viewer" } }));
  const docks = { id: "eu868-docks", region: "EU868", description: "More channels where ships are" } as const;
  const settings = {
    extraChannels: [{ frequencyHz: 867_100_000, minDataRate: 0, maxDataRate: 5 }],
    rx1DelaySeconds: 5,
  };
  dataOf(await client.POST("/api/region-configs", { body: { ...docks, settings } }));
  dataOf(await client.POST("/api/gateways", { body: { tenantId, gatewayId: silentGateway, name: "Harbour" } }));
  await pause(10_000);
  const gateways = dataOf(await client.GET("/api/gateways", { params: { query: { search: "Simulated" } } })).items;
  for (const [index, { gatewayId }] of gateways.entries()) {
    const location = {
      latitude: 52.06 + 0.03 * ((index * 7) % 5),
      longitude: 5.02 + 0.05 * ((index * 3) % 7),
      altitude: 30,
    };
    dataOf(await client.PATCH("/api/gateways/{gatewayId}", { params: { path: { gatewayId } }, body: { location } }));
  }
  await pause(simulatedS * 1000);
  const [device] = dataOf(await client.GET("/api/devices")).items;
  return {
    ids: {
      tenantId,
      applicationId: device?.applicationId ?? "",
      deviceProfileId: device?.deviceProfileId ?? "",
      devEui: device?.devEui ?? "",
      gatewayId: gateways[0]?.gatewayId ?? "",
      integrationId: made[0]?.id ?? "",
    },
    async end() {
      await fleet.end();
      receiver.close();
    },
  };
}

const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms));

/** Things that went wrong: two that nobody looks after yet, one that somebody does, and one that is over. */
async function raiseAlerts(sql: Client, { tenantId, devEui, gatewayId, integrationId }: Ids): Promise<void> {
  const raise = `insert into alerts (tenant_id, kind, severity, state, subject_type, subject, subject_name, value, threshold,
      raised_at, partition, details, acknowledged_at, acknowledged_by, note, cleared_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, now() - $10 * interval '1 minute', 0, $11,
      case when $4 = 'acknowledged' then now() - interval '5 minutes' end,
      case when $4 = 'acknowledged' then 'ada@example.org' end,
      case when $4 = 'acknowledged' then 'A new battery is on its way' else '' end,
      case when $4 = 'cleared' then now() - interval '40 minutes' end)`;
  for (const alert of [
    [
      "sink-trouble",
      "critical",
      "raised",
      "integration",
      integrationId,
      "Dashboard",
      1,
      1,
      12,
      { lastError: "the receiver answered 400" },
    ],
    ["gateway-silent", "critical", "raised", "gateway", silentGateway, "Harbour", 2820, 180, 47, {}],
    ["battery-low", "warning", "acknowledged", "device", devEui, "Door contact 10", 7, 20, 190, {}],
    ["noise", "warning", "cleared", "gateway", gatewayId, "Simulated gateway 1", 83, 80, 300, {}],
  ])
    await sql.query(raise, [tenantId, ...alert]);
}

/** The hour that was simulated as if it had been a day like that, more by day than by night. */
async function asIfForDays(sql: Client): Promise<void> {
  // What a gateway did before it was registered is not shown.
  await sql.query("update gateways set created_at = created_at - interval '2 days'");
  for (const [table, owner] of [
    ["tenant_sums", "tenant_id"],
    ["gateway_sums", "gateway_id"],
  ]) {
    const { rows } = await sql.query(`select ${owner} as owner, start, tally from ${table} where every = 'hour'`);
    for (const { owner: whose, start, tally } of rows) {
      for (let hour = 1; hour < 24; hour += 1) {
        const at = new Date(new Date(start).getTime() - hour * 3_600_000);
        const factor = 20 + 14 * Math.sin(((at.getUTCHours() - 7) / 24) * 2 * Math.PI) + 3 * Math.sin(hour * 2.3);
        await sql.query(
          `insert into ${table} (${owner}, every, start, tally) values ($1, 'hour', $2, $3) on conflict do nothing`,
          [whose, at, scaled(tally, factor)],
        );
      }
    }
  }
}

/** Numbers under `counts` and `by` as many times over. */
function scaled(tally: { counts?: object; by?: object; figures?: object }, factor: number): unknown {
  const times = (value: unknown): unknown => {
    if (typeof value === "number") return Math.round(value * factor);
    return Object.fromEntries(Object.entries(value ?? {}).map(([name, below]) => [name, times(below)]));
  };
  return { ...tally, counts: times(tally.counts), by: times(tally.by) };
}

const pagesOf = (ids: Ids): Readonly<Record<string, string>> => ({
  start: "/start",
  overview: "/",
  alerts: "/alerts?state=all",
  gateways: "/gateways",
  "gateways-map": "/gateways?view=map",
  gateway: `/gateways/${ids.gatewayId}`,
  "gateway-airtime": `/gateways/${ids.gatewayId}?tab=airtime`,
  "gateway-frames": `/gateways/${ids.gatewayId}?tab=frames`,
  applications: "/applications",
  application: `/applications/${ids.applicationId}`,
  devices: "/devices",
  "device-add": "/devices/add",
  device: `/devices/${ids.devEui}`,
  "device-diagnosis": `/devices/${ids.devEui}?tab=diagnosis`,
  "device-frames": `/devices/${ids.devEui}?tab=live`,
  "device-activation": `/devices/${ids.devEui}?tab=activation`,
  "device-profiles": "/device-profiles",
  "device-profile": `/device-profiles/${ids.deviceProfileId}`,
  "device-profile-codec": `/device-profiles/${ids.deviceProfileId}?tab=codec`,
  integrations: "/integrations",
  integration: `/integrations/${ids.integrationId}`,
  "integration-new": "/integrations/new",
  tenants: "/tenants",
  tenant: `/tenants/${ids.tenantId}`,
  "tenant-alert-rules": `/tenants/${ids.tenantId}?tab=alerts`,
  users: "/users",
  "api-keys": "/api-keys",
  "audit-log": "/audit-log",
  transfer: "/transfer",
  "region-configs": "/region-configs",
  "profile-repository": "/device-profiles/repository",
  server: "/server",
  account: "/account",
});

const sizes = { desktop: { width: 1280, height: 860 }, phone: { width: 390, height: 800 } } as const;

async function photograph(browser: Browser, { apiUrl, login }: Server, pages: Readonly<Record<string, string>>) {
  for (const [size, viewport] of Object.entries(sizes)) {
    for (const colorScheme of ["light", "dark"] as const) {
      const context = await browser.newContext({ baseURL: apiUrl, viewport, colorScheme, reducedMotion: "reduce" });
      const page = await context.newPage();
      const camera = await context.newCDPSession(page);
      const take = async (name: string): Promise<void> => {
        // Streams keep the network busy for ever.
        await page.waitForLoadState("networkidle", { timeout: 2500 }).catch(() => undefined);
        // On a busy machine that was not enough.
        await page.locator(".mantine-Skeleton-root").first().waitFor({ state: "hidden" });
        await pause(300);
        const { data } = await camera.send("Page.captureScreenshot", { format: "webp", quality: 60 });
        writeFileSync(`${images}${name}-${size}-${colorScheme}.webp`, Buffer.from(data, "base64"));
      };
      if (isWanted("login")) {
        await page.goto("/console/login");
        await take("login");
      }
      await context.request.post("/api/login", { data: login });
      for (const [name, path] of Object.entries(pages)) {
        if (!isWanted(name)) continue;
        await page.goto(`/console${path}`);
        await page.getByRole("heading", { level: 1 }).first().waitFor();
        await take(name);
      }
      await context.close();
    }
  }
}

const server = await startServer();
try {
  const client = createClient({ url: server.apiUrl, token: "" });
  const { token } = dataOf(await client.POST("/api/login", { body: { ...server.login } }));
  const { ids, end } = await fill(server, token);
  const sql = await openEmbeddedDatabase(join(folder, "data"));
  await asIfForDays(sql);
  await raiseAlerts(sql, ids);
  await sql.end();
  if (wanted.length === 0) rmSync(images, { recursive: true, force: true });
  mkdirSync(images, { recursive: true });
  const browser = await openBrowser();
  await photograph(browser, server, pagesOf(ids));
  await browser.close();
  await end();
} finally {
  await server.end();
  rmSync(folder, { recursive: true, force: true });
}
