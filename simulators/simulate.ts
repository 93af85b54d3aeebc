import { readFile, rename, writeFile } from "node:fs/promises";
import { connectAsync, type MqttClient } from "mqtt";
import type { RegionName } from "../lorawan/region/region.ts";
import { regionOf } from "../lorawan/region/regions.ts";
import type { MacVersion, RegionalParametersRevision } from "../lorawan/version.ts";
import { type Clock, sleep, systemClock } from "../platform/clock.ts";
import { openUdpPort, type UdpAddress } from "./datagram.ts";
import { createDeliveryCheck, type DeliveryCheck, type DeliveryReport } from "./delivery-check.ts";
import type { DeviceEvent } from "./device-events.ts";
import {
  createFleet,
  describeFleet,
  type Fleet,
  type FleetDevice,
  type FleetState,
  type FleetStatistics,
  parseFleetState,
} from "./fleet.ts";
import { type ApiAccess, type Provisioned, provision } from "./provision.ts";
import { progressText, reportText } from "./simulation-text.ts";

export interface SimulationOptions {
  /** Where the server takes Semtech UDP. */
  readonly udp: UdpAddress;
  /** Without it the devices and gateways of this seed must be in the server already. */
  readonly api?: { readonly url: string; readonly access: ApiAccess };
  /** With it each uplink that a gateway heard must arrive there once; needs `api` or `applicationId`. */
  readonly mqtt?: { readonly url: string; readonly username: string; readonly password: string };
  /** What `mqtt` subscribes to when there is no `api`. */
  readonly applicationId?: string;
  readonly devices: number;
  readonly gateways: number;
  readonly seed: number;
  /** Until `signal` when left out. */
  readonly durationSeconds?: number;
  /** Between uplinks of a device; each sensor's own by default. */
  readonly intervalSeconds?: number;
  readonly startWithinSeconds?: number;
  readonly confirmedShare?: number;
  readonly region: RegionName;
  /** RP002-1.0.4 by default. */
  readonly regionalParameters?: RegionalParametersRevision;
  /** 1.0.4 by default. */
  readonly macVersion?: MacVersion;
  /** Devices are activated by personalization; false by default. */
  readonly abp?: boolean;
  readonly subBand?: number;
  /** Sessions are read from here if it exists, and written here at the end; it holds keys. */
  readonly stateFile?: string;
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
}

export interface SimulationOutput {
  write(text: string): void;
  /** One line that is rewritten instead of many. */
  readonly isTTY?: boolean;
}

export interface SimulationReport {
  readonly statistics: FleetStatistics;
  readonly provisioned?: Provisioned;
  readonly delivery?: DeliveryReport;
  /** No violation, nothing missing and nothing unexpected. */
  readonly passed: boolean;
}

const progressPeriodMs = { tty: 500, plain: 5000 };
/** An event may take this long after the end. */
const deliveryGraceMs = 10_000;

/**
 * Drives a running server with simulated devices over real sockets. Resolves after the duration or the abort; rejects
 * when the devices cannot be provisioned or MQTT not be reached. Leaves no socket open either way.
 */
export async function simulate(options: SimulationOptions, output: SimulationOutput): Promise<SimulationReport> {
  const { signal, clock = systemClock, macVersion = "1.0.4", api } = options;
  const region = regionOf(options.region, options.regionalParameters ?? "RP002-1.0.4");
  const described = describeFleet(options);
  const scope = { ...described, region, macVersion, ...(signal ? { signal } : {}) };
  const provisioned = api && (await provision({ ...scope, apiUrl: api.url, access: api.access }));
  const check = createDeliveryCheck(new Set(described.devices.map(({ credentials }) => credentials.devEui)));
  const mqtt = await subscribe(options, provisioned?.applicationId, check, clock);
  try {
    const state = await readState(options.stateFile);
    const fleet = createFleet({
      ...options,
      clock,
      region,
      macVersion,
      connect: () => openUdpPort(options.udp),
      firstDevNonce: firstDevNonce(clock),
      listener: createRecorder(check, clock),
      ...(state ? { state } : {}),
    });
    await run(fleet, options, output, clock);
    if (options.stateFile !== undefined) await writeState(options.stateFile, fleet.snapshot());
    if (mqtt) await settled(check, clock, signal);
    return reported(fleet, provisioned, mqtt && check.report(), output);
  } finally {
    await mqtt?.endAsync(true);
  }
}

function reported(
  fleet: Fleet,
  provisioned: Provisioned | undefined,
  delivery: DeliveryReport | undefined,
  output: SimulationOutput,
): SimulationReport {
  const statistics = fleet.statistics();
  const clean = delivery === undefined || (delivery.missingCount === 0 && delivery.unexpected === 0);
  const report = {
    statistics,
    ...(provisioned ? { provisioned } : {}),
    ...(delivery ? { delivery } : {}),
    passed: statistics.violationCount === 0 && clean,
  };
  output.write(`${reportText(report)}\n`);
  return report;
}

/**
 * Devices that forgot everything still need a DevNonce above all that the server has seen: minutes since 2026. Within
 * the same minute the first request is refused and the next is not.
 */
const firstDevNonce = (clock: Clock): number => Math.floor((clock.nowMs() - Date.UTC(2026, 0, 1)) / 60_000) & 0xffff;

async function run(fleet: Fleet, options: SimulationOptions, output: SimulationOutput, clock: Clock): Promise<void> {
  const { durationSeconds, signal } = options;
  const startUs = clock.monotonicUs();
  const elapsedSeconds = (): number => (clock.monotonicUs() - startUs) / 1e6;
  const show = (): void => {
    const text = progressText(fleet.statistics(), options.devices, elapsedSeconds());
    output.write(output.isTTY ? `\r\u001b[2K${text}` : `${text}\n`);
  };
  const periodMs = output.isTTY ? progressPeriodMs.tty : progressPeriodMs.plain;
  let cancel = (): void => {};
  const tick = (): void => {
    show();
    cancel = clock.after(periodMs, tick);
  };
  fleet.start();
  tick();
  try {
    await wait(durationSeconds, clock, signal);
  } finally {
    cancel();
    fleet.stop();
  }
  show();
  if (output.isTTY) output.write("\n");
}

/** Until the time is over or the signal comes. */
const wait = (seconds: number | undefined, clock: Clock, signal: AbortSignal | undefined): Promise<void> =>
  new Promise(resolve => {
    if (signal?.aborted) {
      resolve();
      return;
    }
    const cancel = seconds === undefined ? () => {} : clock.after(seconds * 1000, done);
    function done(): void {
      cancel();
      signal?.removeEventListener("abort", done);
      resolve();
    }
    signal?.addEventListener("abort", done);
  });

async function settled(check: DeliveryCheck, clock: Clock, signal: AbortSignal | undefined): Promise<void> {
  const untilUs = clock.monotonicUs() + deliveryGraceMs * 1000;
  // One more moment when all is there: a second copy would come late.
  await sleep(clock, 500);
  while (!check.isComplete() && clock.monotonicUs() < untilUs && !signal?.aborted) await sleep(clock, 100);
}

async function subscribe(
  { mqtt, applicationId }: SimulationOptions,
  provisionedId: string | undefined,
  check: DeliveryCheck,
  clock: Clock,
): Promise<MqttClient | undefined> {
  const id = provisionedId ?? applicationId;
  if (mqtt === undefined || id === undefined) return undefined;
  const { url, username, password } = mqtt;
  const client = await connectAsync(url, { username, password, reconnectPeriod: 1000, clean: true }, false);
  client.on("message", (_topic, payload) => check.arrived(payload.toString("utf8"), clock.nowMs()));
  // The client connects again by itself; without a listener an error would end the process.
  client.on("error", () => {});
  await client.subscribeAsync(`application/${id}/device/+/event/up`, { qos: 1 });
  return client;
}

/** Tells the check of each application uplink that a gateway heard. */
function createRecorder(check: DeliveryCheck, clock: Clock): (device: FleetDevice, event: DeviceEvent) => void {
  const onAir = new Map<string, Extract<DeviceEvent, { kind: "uplink-sent" }>>();
  return ({ credentials: { devEui } }, event) => {
    if (event.kind === "uplink-sent") onAir.set(devEui, event);
    if (event.kind !== "uplink-ended" || event.heardBy.length === 0) return;
    const sent = onAir.get(devEui);
    if (sent?.fCnt !== event.fCnt || sent.fPort === undefined || sent.fPort === 0) return;
    const heardAtMs = clock.nowMs() - (clock.monotonicUs() - event.endUs) / 1000;
    check.expect({ devEui, fCnt: sent.fCnt, fPort: sent.fPort, payload: sent.payload, heardAtMs });
  };
}

async function readState(file: string | undefined): Promise<FleetState | undefined> {
  if (file === undefined) return undefined;
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  });
  return text === undefined ? undefined : parseFleetState(JSON.parse(text));
}

/** Whole or not at all, and for its owner only. */
async function writeState(file: string, state: FleetState): Promise<void> {
  const unfinished = `${file}.new`;
  await writeFile(unfinished, JSON.stringify(state), { mode: 0o600 });
  await rename(unfinished, file);
}
