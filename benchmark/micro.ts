import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Bench } from "tinybench";
import { createCodecSandbox } from "../app-server/codec/sandbox.ts";
import type { AppSKeyVault, CodecSandbox, DeviceCodec, DirectoryDevice } from "../app-server/ports.ts";
import { applicationEvents } from "../app-server/uplink.ts";
import { createAppSKeyVault } from "../app-server/vault.ts";
import {
  parseApplicationId,
  parseDevAddr,
  parseDevEui,
  parseDeviceProfileId,
  parseGatewayId,
  parseTenantId,
} from "../lorawan/ids.ts";
import { parseAesKey } from "../lorawan/keys.ts";
import { decodeFrame } from "../lorawan/phy/codec.ts";
import type { DataFrame } from "../lorawan/phy/frame.ts";
import { cryptPayload, verifyUplinkMic } from "../lorawan/phy/security.ts";
import { regionOf } from "../lorawan/region/regions.ts";
import { adrHistoryLength } from "../network-server/adr/adr.ts";
import { decodeDeviceState, encodeDeviceState } from "../network-server/device-record.ts";
import { parsePacket, parsePushData } from "../network-server/gateway/udp/packet.ts";
import { receptionsOf } from "../network-server/gateway/udp/rxpk.ts";
import { personalisedMacState } from "../network-server/region-config.ts";
import type { Session } from "../network-server/session.ts";
import { systemClock } from "../platform/clock.ts";
import { createMetrics } from "../platform/metrics.ts";
import { openLmdbStore } from "../platform/state/lmdb.ts";
import type { UplinkEvent } from "../platform/state/network-event.ts";
import type { StateStore } from "../platform/state/store.ts";
import { compileUplink } from "../simulators/load/compiled-frames.ts";
import { createPushDataWriter } from "../simulators/load/datagrams.ts";
import { describeDevices, devEuiOf, gatewayIdOf } from "../simulators/load/population.ts";

/** One part of an uplink's way, by itself. */
export interface MicroResult {
  readonly name: string;
  readonly medianUs: number;
  readonly p99Us: number;
  readonly perSecond: number;
}

interface Part {
  readonly name: string;
  /** Operations in one call of `work`: timers are too coarse for one. */
  readonly operations: number;
  readonly work: () => void | Promise<void>;
}

const repetitions = 100;
const seed = 1;
const fCnt = 1234;
const device = describeDevices({ seed, devices: 1, devicesPerAddress: 1 })(0);
const phyPayload = compileUplink(device, { fCnt, confirmed: false, fPort: 10, payload: Buffer.alloc(16, 7) });
const appSKey = parseAesKey(Buffer.from(device.appSKey).toString("hex"));
const nwkSKey = parseAesKey(Buffer.from(device.nwkSKey).toString("hex"));

/** Runs each part for `timeMs`, alone. */
export async function runMicro(timeMs: number): Promise<readonly MicroResult[]> {
  const folder = mkdtempSync(join(tmpdir(), "upchirp-bench-"));
  const store = await openLmdbStore({ folder });
  const sandbox = createCodecSandbox({ clock: systemClock, metrics: createMetrics(), workers: 1 });
  try {
    const parts = [...protocolParts(), ...documentParts(), ...storeParts(store), ...applicationParts(sandbox)];
    const bench = new Bench({ time: timeMs, warmupTime: timeMs / 4, throws: true });
    for (const { name, work } of parts) bench.add(name, work);
    await bench.run();
    return parts.map(part => resultOf(bench, part));
  } finally {
    await sandbox.close();
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function resultOf(bench: Bench, { name, operations }: Part): MicroResult {
  const result = bench.getTask(name)?.result;
  if (result?.state !== "completed") throw new Error(`${name} was not measured`);
  const microseconds = (milliseconds: number): number => (milliseconds * 1000) / operations;
  const { p50, p99, mean } = result.latency;
  return {
    name,
    medianUs: microseconds(p50),
    p99Us: microseconds(p99),
    perSecond: 1e6 / microseconds(mean),
  };
}

const repeated = (name: string, once: () => unknown): Part => ({
  name,
  operations: repetitions,
  work() {
    for (let count = 0; count < repetitions; count += 1) once();
  },
});

function protocolParts(): readonly Part[] {
  const gatewayId = gatewayIdOf(seed, 0);
  const writer = createPushDataWriter({ gatewayId, frameBytes: phyPayload.length, rssiDbm: -70, snrDb: 8 });
  const datagram = writer.write(Buffer.from(phyPayload.toString("base64")), 0, 1, 123_456_789);
  const context = { gatewayId: parseGatewayId(gatewayId), receivedAtUs: 0, receivedAtMs: 0, uplinkId: 1 };
  const frame = dataFrame();
  const keys = { fNwkSIntKey: nwkSKey, sNwkSIntKey: nwkSKey };
  const micContext = { version11: false, fCnt, ...keys, confFCnt: 0, txDr: 0, txCh: 0 };
  return [
    repeated("datagram to reception (JSON, checks, base64)", () => {
      const packet = parsePacket(datagram);
      const pushed = typeof packet === "string" ? packet : parsePushData(packet.body);
      if (typeof pushed === "string") throw new Error(pushed);
      for (const rxpk of pushed.rxpks) receptionsOf(rxpk, context);
    }),
    repeated("frame decoded", () => decodeFrame(phyPayload)),
    repeated("MIC of an uplink checked", () => {
      if (!verifyUplinkMic(phyPayload, frame, micContext)) throw new Error("the MIC is wrong");
    }),
    repeated("payload of 16 bytes decrypted", () =>
      cryptPayload(appSKey, "up", frame.devAddr, fCnt, frame.frmPayload ?? new Uint8Array()),
    ),
  ];
}

function dataFrame(): DataFrame {
  const frame = decodeFrame(phyPayload);
  if (!("kind" in frame) || frame.kind !== "data") throw new Error("the uplink does not decode");
  return frame;
}

/** Of a device that has been heard often enough for ADR to know it. */
function knownSession(): Session {
  const [region, regionalParameters] = ["EU868", "RP002-1.0.4"] as const;
  const key = Buffer.from(device.nwkSKey).toString("hex");
  const firstFCnt = fCnt - adrHistoryLength;
  return {
    devAddr: parseDevAddr(device.devAddr),
    macVersion: "1.0.4",
    regionalParameters,
    region,
    regionConfigId: "eu868",
    fNwkSIntKey: key,
    sNwkSIntKey: key,
    nwkSEncKey: key,
    appSKey: createAppSKeyVault({ kekLabel: "benchmark", kek: Buffer.alloc(32, 3) }).seal(appSKey),
    fCntUp: fCnt,
    nFCntDown: 7,
    aFCntDown: 0,
    confFCntDown: 0,
    lastMic: "01020304",
    lastUplinkAtMs: 1_767_323_045_678,
    lastDataRate: 5,
    adrSince: { fCnt: firstFCnt, heard: adrHistoryLength },
    adrHistory: Array.from({ length: adrHistoryLength }, (_, index) => ({
      fCnt: firstFCnt + index,
      snrDb: 8.5 - index / 2,
      gatewayCount: 1 + (index % 3),
    })),
    mac: personalisedMacState(regionOf(region, regionalParameters), { abp: { rx1DelaySeconds: 1, rx1DrOffset: 0 } }),
  };
}

function documentParts(): readonly Part[] {
  const session = knownSession();
  const document = encodeDeviceState({ active: session });
  let { fCntUp } = session;
  return [
    repeated("device's document written after an uplink", () => {
      fCntUp += 1;
      return encodeDeviceState({ active: { ...session, fCntUp } });
    }),
    repeated("device's document read", () => decodeDeviceState(document)),
  ];
}

const eventBytes = 700;

function storeParts(store: StateStore): readonly Part[] {
  const commitAll = (devices: number): Part => {
    const versions = new Map<number, number>();
    const value = encodeDeviceState({ active: knownSession() });
    const events = [Buffer.alloc(eventBytes, 2)];
    const commitOne = async (number: number): Promise<void> => {
      const { devEui, devAddr } = { devEui: parseDevEui(devEuiOf(devices, number)), devAddr: parseDevAddr("00000001") };
      const change = { devEui, expectedVersion: versions.get(number) ?? 0, value, devAddrs: [devAddr], events };
      const outcome = await store.commit(change);
      if (outcome.kind === "conflict") throw new Error("a commit of one device alone was in conflict");
      versions.set(number, outcome.version);
    };
    return {
      name: `commit to LMDB with an event, ${devices} devices at once`,
      operations: devices,
      work: async () => {
        await Promise.all(Array.from({ length: devices }, (_, number) => commitOne(number)));
      },
    };
  };
  return [commitAll(1), commitAll(100), commitAll(1000)];
}

const script = `function decodeUplink(input) {
  return { data: { temperature: ((input.bytes[0] << 8) | input.bytes[1]) / 100, humidity: input.bytes[2] / 2 } };
}`;

function applicationParts(sandbox: CodecSandbox): readonly Part[] {
  const vault = createAppSKeyVault({ kekLabel: "benchmark", kek: Buffer.alloc(32, 3) });
  const event = uplinkEvent(vault);
  const withCodec = (name: string, codec: DeviceCodec, together: number): Part => {
    const owner = directoryDevice(codec);
    return {
      name,
      operations: together,
      work: async () => {
        await Promise.all(Array.from({ length: together }, () => applicationEvents(event, owner, { vault, sandbox })));
      },
    };
  };
  return [
    withCodec("event for applications (decryption, JSON)", { kind: "none" }, repetitions),
    withCodec("the same with Cayenne LPP", { kind: "cayenne-lpp" }, repetitions),
    withCodec("the same with a JavaScript codec, 100 at once", { kind: "javascript", script }, repetitions),
    withCodec("the same with a JavaScript codec, alone", { kind: "javascript", script }, 1),
  ];
}

const applicationId = parseApplicationId("5a0e9f2e-6f0b-4b7a-9d5e-3a6f6d1c2b3a");
const devEui = parseDevEui(devEuiOf(seed, 0));

function uplinkEvent(vault: AppSKeyVault): UplinkEvent {
  const frame = dataFrame();
  return {
    kind: "up",
    deduplicationId: "0f5c7f52-2f0a-4d0e-8f9a-7a3b1c9d5e6f",
    time: "2026-01-02T03:04:05.678Z",
    devEui,
    applicationId,
    devAddr: frame.devAddr,
    adr: true,
    dr: 5,
    fCnt,
    fPort: 10,
    confirmed: false,
    frmPayload: Buffer.from(frame.frmPayload ?? []).toString("base64"),
    appSKey: vault.seal(appSKey),
    regionConfigId: "eu868",
    rxInfo: [{ gatewayId: parseGatewayId(gatewayIdOf(seed, 0)), uplinkId: 1, rssi: -70, snr: 8, crcStatus: "CRC_OK" }],
    txInfo: {
      frequency: 868_100_000,
      modulation: { lora: { bandwidth: 125_000, spreadingFactor: 7, codeRate: "CR_4_5" } },
    },
  };
}

const directoryDevice = (codec: DeviceCodec): DirectoryDevice => ({
  info: {
    tenantId: parseTenantId("9c1b0f3e-1d2c-4b5a-8e7f-6d5c4b3a2918"),
    tenantName: "Benchmark",
    applicationId,
    applicationName: "Benchmark",
    deviceProfileId: parseDeviceProfileId("3f2e1d0c-9b8a-4756-8493-a2b1c0d9e8f7"),
    deviceProfileName: "Benchmark",
    deviceName: "device",
    devEui,
    deviceClassEnabled: "CLASS_A",
    tags: {},
  },
  codec,
  variables: {},
});
