import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import Type from "typebox";
import { expect, onTestFinished, test, vi } from "vitest";
import { createIntegrations } from "../../../app-server/storage/integrations.ts";
import { createRepositories } from "../../../app-server/storage/repositories.ts";
import type { ApplicationId, DevEui } from "../../../lorawan/ids.ts";
import { systemClock } from "../../../platform/clock.ts";
import { createLog } from "../../../platform/log.ts";
import { createPostgres } from "../../../platform/postgres.ts";
import { openLmdbStore } from "../../../platform/state/lmdb.ts";
import { migratedDatabase } from "../../support/postgres.ts";
import { usualLimits } from "../support/delivery.ts";
import { bytesOf, randomDevEui, uplinkRecord } from "../support/fixtures.ts";

const script = fileURLToPath(new URL("../../support/delivery-process.ts", import.meta.url));
const devices = Array.from({ length: 20 }, randomDevEui);
const perDevice = 40;
const kills = 5;

async function fillLog(folder: string, applicationId: ApplicationId): Promise<ReadonlySet<string>> {
  const identifiers = new Set<string>();
  const store = await openLmdbStore({ folder });
  await Promise.all(
    devices.map(async devEui => {
      for (let fCnt = 0; fCnt < perDevice; fCnt += 1) {
        const deduplicationId = randomUUID();
        identifiers.add(deduplicationId);
        const event = bytesOf(uplinkRecord({ devEui, fCnt, deduplicationId, applicationId }));
        await store.commit({ devEui, expectedVersion: fCnt, value: Buffer.from("-"), devAddrs: [], events: [event] });
      }
    }),
  );
  await store.close();
  return identifiers;
}

/** Counts what comes, and is away now and then. */
async function startReceiver() {
  const got: { readonly id: string; readonly devEui: DevEui; readonly fCnt: number }[] = [];
  const state = { isAway: false, refused: 0 };
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", chunk => {
      body += chunk;
    });
    request.on("end", () => {
      if (state.isAway) {
        state.refused += 1;
        return response.writeHead(503).end();
      }
      const { deviceInfo, fCnt } = JSON.parse(body);
      got.push({ id: String(request.headers["webhook-id"]), devEui: deviceInfo.devEui, fCnt });
      return response.writeHead(204).end();
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return { got, state, port: typeof address === "object" && address !== null ? address.port : 0 };
}

test("nothing is lost or out of order however often the process is killed, and second copies carry the first one's identifier", async () => {
  const folder = await mkdtemp(join(tmpdir(), "upchirp-delivery-"));
  const { connection, url, drop } = await migratedDatabase();
  const sql = createPostgres({ connection, log: createLog({ level: "silent" }), clock: systemClock });
  onTestFinished(async () => {
    await sql.close();
    await drop();
    await rm(folder, { recursive: true, force: true });
  });
  const { tenants, applications } = createRepositories(sql, systemClock);
  const { id: tenantId } = await tenants.create({ name: "T", description: "", tags: {} });
  const { id: applicationId } = await applications.create({ tenantId, name: "A", description: "", tags: {} });
  const receiver = await startReceiver();
  await createIntegrations(sql, { current: { id: "00000000", key: new Uint8Array(32) }, older: [] }).create(
    {
      tenantId,
      applicationId,
      name: "webhook",
      description: "",
      kind: "http",
      mode: "active",
      filter: { events: [], fPorts: [], tags: {} },
      format: "chirpstack",
      mapping: "",
      settings: { url: `http://127.0.0.1:${receiver.port}/` },
      limits: usualLimits,
    },
    {},
  );
  const identifiers = await fillLog(folder, applicationId);

  for (let run = 0; run <= kills; run += 1) {
    const child = spawn(process.execPath, [script, folder, url, tenantId, applicationId], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let printed = "";
    child.stdout.on("data", chunk => {
      printed += chunk;
    });
    await once(child.stdout, "data");
    // Each run dies a little later: while events come in, while they go out, while they are taken out of the queue.
    const enough = run === kills ? identifiers.size : Math.round((identifiers.size * run) / (kills + 2));
    receiver.state.isAway = run === 2;
    const seen = () => new Set(receiver.got.map(({ id }) => id)).size;
    const isFarEnough = () => (run === 2 ? receiver.state.refused > 0 : seen() >= enough);
    await vi.waitFor(() => expect(isFarEnough()).toBe(true), { timeout: 20_000, interval: 1 });
    if (run === kills) {
      const waiting = () =>
        sql.rows(Type.Object({ n: Type.Integer() }), "select count(*)::integer as n from integration_queue");
      await vi.waitFor(async () => expect(await waiting()).toEqual([{ n: 0 }]), { timeout: 10_000 });
      // What was taken out of the log's end may be dropped from it a little later.
      await vi.waitFor(() => expect(printed).toContain("empty"), { timeout: 10_000 });
    }
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  }

  expect(new Set(receiver.got.map(({ id }) => id))).toEqual(identifiers);
  for (const devEui of devices) {
    const firsts = [...new Set(receiver.got.filter(one => one.devEui === devEui).map(({ fCnt }) => fCnt))];
    expect(firsts).toEqual(Array.from({ length: perDevice }, (_, n) => n));
  }
}, 90_000);
