import { createSocket, type Socket } from "node:dgram";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Aedes } from "aedes";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { regionOf } from "../../lorawan/region/regions.ts";
import { defaultParameters, freshSession } from "../../simulators/device-state.ts";
import { describeFleet, type FleetState } from "../../simulators/fleet.ts";
import { type SimulationOptions, simulate } from "../../simulators/simulate.ts";
import { keys, loraPacket } from "./tiny-server.ts";

const applicationId = "0c0c0c0c-0000-4000-8000-000000000001";
const size = { devices: 3, gateways: 2, seed: 77 };
const eu868 = regionOf("EU868", "RP002-1.0.4");

/** Sessions that all devices have already: a join would take five seconds of real time. */
function joinedState(): FleetState {
  const { devices } = describeFleet(size);
  return Object.fromEntries(
    devices.map(({ credentials: { devEui } }, number) => {
      const session = freshSession({ ...keys, devAddr: `2601000${number}` }, defaultParameters(eu868, 5));
      return [devEui, { devNonce: 1, randomState: number, session }] as const;
    }),
  );
}

interface Uplink {
  readonly devEui: string;
  readonly fCnt: number;
  readonly fPort: number;
  readonly data: string;
}

function uplinkOf(data: string, devEuis: readonly string[]): Uplink {
  const packet = loraPacket.fromWire(Buffer.from(data, "base64"));
  const plain = loraPacket.decrypt(packet, Buffer.from(keys.appSKey, "hex"), Buffer.from(keys.nwkSKey, "hex"));
  const devEui = devEuis[(packet.DevAddr?.[3] ?? 0) & 0x0f] ?? "";
  return { devEui, fCnt: packet.getFCnt() ?? 0, fPort: packet.getFPort() ?? 0, data: plain.toString("base64") };
}

describe("simulate", () => {
  let folder: string;
  let udp: Socket;
  let broker: Aedes;
  let tcp: Server;
  /** What the server in front of the simulation does with an uplink that it hears for the first time. */
  let deliver: (uplink: Uplink, publish: () => void) => void;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "simulate-"));
    broker = await Aedes.createBroker();
    tcp = createServer(socket => broker.handle(socket));
    await new Promise<void>(resolve => tcp.listen(0, "127.0.0.1", resolve));
    udp = createSocket("udp4");
    await new Promise<void>(resolve => udp.bind(0, "127.0.0.1", resolve));
    deliver = (_uplink, publish) => publish();
    const seen = new Set<string>();
    const devEuis = describeFleet(size).devices.map(({ credentials }) => credentials.devEui);
    udp.on("message", (bytes, { address, port }) => {
      udp.send(Uint8Array.of(2, bytes[1] ?? 0, bytes[2] ?? 0, bytes[3] === 0 ? 1 : 4), port, address);
      if (bytes[3] !== 0) return;
      for (const { data } of JSON.parse(bytes.subarray(12).toString()).rxpk ?? []) {
        if (seen.has(data) || Buffer.from(data, "base64")[0] === 0) continue;
        seen.add(data);
        const uplink = uplinkOf(data, devEuis);
        deliver(uplink, () => publishEvent(uplink));
      }
    });
  });
  afterEach(async () => {
    udp.close();
    await new Promise<void>(resolve => broker.close(() => resolve()));
    await new Promise<void>(resolve => tcp.close(() => resolve()));
    await rm(folder, { recursive: true });
  });

  const portOf = (address: unknown): number =>
    typeof address === "object" && address !== null && "port" in address ? Number(address.port) : 0;

  function publishEvent({ devEui, ...uplink }: Uplink): void {
    const topic = `application/${applicationId}/device/${devEui}/event/up`;
    const payload = JSON.stringify({ deviceInfo: { devEui }, ...uplink });
    broker.publish({ cmd: "publish", topic, payload, qos: 1, retain: false, dup: false }, () => {});
  }

  async function run(change: Partial<SimulationOptions> = {}) {
    const stateFile = join(folder, "state.json");
    await writeFile(stateFile, JSON.stringify(joinedState()));
    const written: string[] = [];
    const options: SimulationOptions = {
      ...size,
      udp: { host: "127.0.0.1", port: udp.address().port },
      mqtt: { url: `mqtt://127.0.0.1:${portOf(tcp.address())}`, username: "u", password: "p" },
      applicationId,
      region: "EU868",
      durationSeconds: 1.5,
      startWithinSeconds: 0.3,
      intervalSeconds: 60,
      confirmedShare: 0,
      stateFile,
      ...change,
    };
    const report = await simulate(options, { write: text => written.push(text) });
    return { report, text: written.join(""), stateFile };
  }

  test("drives a server over UDP, and finds every uplink at the broker", async () => {
    const { report, text, stateFile } = await run();
    expect(report.delivery).toMatchObject({ expected: 3, delivered: 3, duplicates: 0, unexpected: 0, missingCount: 0 });
    expect(report.statistics).toMatchObject({ joins: 0, joined: 3, uplinks: 3, uplinksHeard: 3 });
    expect(report.statistics.pushAcks).toBe(report.statistics.pushData);
    expect(report.passed).toBe(true);
    expect(text).toContain("3 of 3");
    const state: FleetState = JSON.parse(await readFile(stateFile, "utf8"));
    expect(Object.values(state).map(({ session }) => session?.fCntUp)).toEqual([1, 1, 1]);
  });

  test("reports what arrives twice", async () => {
    deliver = (_uplink, publish) => {
      publish();
      publish();
    };
    const { report } = await run();
    expect(report.delivery).toMatchObject({ delivered: 3, duplicates: 3 });
  });

  test("ends at once when told to, leaves a private state behind, and says what is missing", async () => {
    deliver = () => {};
    const fresh = join(folder, "fresh.json");
    const signal = AbortSignal.timeout(700);
    const { report } = await run({ durationSeconds: 3600, signal, stateFile: fresh });
    expect(report.statistics.joined).toBe(0);
    expect(report.delivery).toMatchObject({ expected: 0 });
    expect((await stat(fresh)).mode & 0o077).toBe(0);
  });

  test("fails when uplinks are missing", async () => {
    deliver = (uplink, publish) => {
      if (uplink.devEui !== describeFleet(size).devices[0]?.credentials.devEui) publish();
    };
    const { report, text } = await run({ signal: AbortSignal.timeout(2000) });
    expect(report.delivery).toMatchObject({ delivered: 2, missingCount: 1 });
    expect(report.passed).toBe(false);
    expect(text).toContain("Failed.");
  });
});
