import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { runUpchirp, startUpchirp, temporaryFolder, type UpchirpProcess } from "../support/upchirp-process.ts";

/** `IMPORT_DEVICES=100000` shows it at full size, and how long it takes. */
const count = Number(process.env.IMPORT_DEVICES ?? 4000);
const abpEvery = 100;
const key = "000102030405060708090a0b0c0d0e0f";

const eui = (number: number) => `a1${number.toString(16).padStart(14, "0")}`;

function fileText(): string {
  const rows = Array.from({ length: count }, (_, number) => {
    const session = number % abpEvery === 0 ? `${number.toString(16).padStart(8, "0")},${key},${key}` : ",,";
    return `${eui(number)},70b3d57ed0000001,meter ${number},${key},north,${session}`;
  });
  return ["dev_eui,join_eui,name,app_key,tags.site,dev_addr,nwk_s_key,app_s_key", ...rows].join("\n");
}

interface Import {
  readonly state: string;
  readonly position: number;
  readonly created: number;
}

async function ask(server: UpchirpProcess, path: string, body?: object): Promise<Response> {
  const headers = { authorization: `Bearer ${server.token()}`, "content-type": "application/json" };
  return fetch(`${server.apiUrl}/api${path}`, {
    headers,
    ...(body && { method: "POST", body: JSON.stringify(body) }),
  });
}

async function latest(server: UpchirpProcess): Promise<Import | undefined> {
  const { items } = (await (await ask(server, "/imports?limit=1")).json()) as { items: readonly Import[] };
  return items[0];
}

/** What the running import has reached when it is beyond `from`. */
async function reached(server: UpchirpProcess, from: number): Promise<number> {
  let position = 0;
  await vi.waitUntil(
    async () => {
      position = (await latest(server))?.position ?? 0;
      return position > from;
    },
    { timeout: 120_000, interval: 5 },
  );
  return position;
}

test(
  "an import goes on where it stopped after kill -9 of the client and of the server, to the exact count",
  async () => {
    const folder = temporaryFolder();
    const file = join(folder, "meters.csv");
    await writeFile(file, fileText());
    const dataFolder = join(folder, "data");
    const first = await startUpchirp(dataFolder);
    const tenants = (await (await ask(first, "/tenants")).json()) as { items: readonly { id: string }[] };
    const tenantId = tenants.items[0]?.id;
    await ask(first, "/applications", { tenantId, name: "water" });
    await ask(first, "/device-profiles", { tenantId, name: "meter", region: "EU868" });
    const command = (server: UpchirpProcess) =>
      runUpchirp([
        ...["import", "devices", file, "--application", "water", "--profile", "meter"],
        ...["--url", server.apiUrl, "--data", dataFolder],
      ]);

    const killed = command(first);
    await reached(first, 0);
    killed.child.kill("SIGKILL");
    expect(await killed.exited).toBeNull();
    await vi.waitUntil(async () => (await latest(first))?.state === "interrupted", { timeout: 60_000 });
    const afterClient = (await latest(first))?.position ?? 0;
    expect(afterClient).toBeGreaterThan(0);
    expect(afterClient).toBeLessThan(count);

    const orphaned = command(first);
    const atServer = await reached(first, afterClient);
    first.child.kill("SIGKILL");
    expect(await orphaned.exited).toBe(1);
    expect(orphaned.output()).toContain("run the same command again");
    expect(atServer).toBeLessThan(count);

    const second = await startUpchirp(dataFolder);
    const before = (await latest(second))?.position ?? 0;
    expect(before).toBeGreaterThanOrEqual(atServer);
    const started = performance.now();
    const last = command(second);
    expect(await last.exited, last.output()).toBe(0);
    if (process.env.IMPORT_DEVICES !== undefined) {
      const seconds = (performance.now() - started) / 1000;
      console.info(`${count - before} of ${count} devices in ${seconds.toFixed(1)} s`);
    }
    expect(last.output()).toContain(
      `${count} records: ${count} created, 0 updated, 0 unchanged, 0 skipped, 0 not taken.`,
    );
    expect(await latest(second)).toMatchObject({ state: "finished", position: count, created: count });

    const exported = await (await ask(second, `/exports/devices?tenantId=${tenantId}&format=jsonl`)).text();
    const euis = exported
      .trim()
      .split("\n")
      .map(line => JSON.parse(line).devEui);
    expect(new Set(euis).size).toBe(count);
    expect(euis).toHaveLength(count);
    for (let number = 0; number < count; number += Math.max(abpEvery, count / 100)) {
      const at = Math.floor(number / abpEvery) * abpEvery;
      const session = await ask(second, `/devices/${eui(at)}/activation`);
      expect(session.status, eui(at)).toBe(200);
      expect(await (await ask(second, `/devices/${eui(at)}/keys`)).json()).toEqual({ set: true });
    }
  },
  Math.max(180_000, 10 * count),
);
