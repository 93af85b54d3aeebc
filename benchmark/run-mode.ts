import { type JoinReport, type Load, type LoadReport, openLoad } from "../simulators/load/load.ts";
import { type Measurement, measureAt, measureHighest } from "../simulators/load/measure.ts";
import { type Installation, type InstallationSet, openInstallation } from "./installation.ts";
import type { Mode } from "./modes.ts";

export interface RunOptions {
  readonly set: InstallationSet;
  readonly networkServers: number;
  readonly seed: number;
  /** Uplinks a second; the highest rate is searched when absent. */
  readonly rate?: number;
  readonly seconds: number;
  readonly payloadBytes: number;
  readonly profileFolder?: string;
  readonly progress: (text: string) => void;
  /** Rejects when the user does not want to wait for the end. */
  readonly interrupted: Promise<never>;
}

export interface Result extends Measurement {
  readonly mode: string;
  readonly set: InstallationSet;
  readonly networkServers: number;
  readonly devices: number;
  readonly gateways: number;
  readonly copies: number;
  /** Putting the devices into the installation. */
  readonly provisionSeconds: number;
  /** From the start of the server's process to its readiness. */
  readonly startMs: number;
  /** `report` is of the uplinks meanwhile, and this of the same without joins. */
  readonly quiet?: LoadReport;
  readonly joins?: JoinReport;
}

/** Starts an installation, measures one mode on it and takes it away. */
export async function runMode(mode: Mode, options: RunOptions): Promise<Result> {
  const { set, networkServers, seed, progress, profileFolder } = options;
  const { devices, devicesPerAddress, gateways, copies } = mode;
  const population = { seed, devices, devicesPerAddress };
  const groups = [
    { population, gateways, activation: "abp" as const },
    ...(mode.joinRate === undefined
      ? []
      : [{ population: joining(population), gateways, activation: "otaa" as const }]),
  ];
  progress(`${mode.name}: ${mode.description} (${set}, ${devices} devices, ${gateways} gateways)`);
  const installation = await openInstallation({
    set,
    networkServers,
    groups,
    progress,
    ...(profileFolder !== undefined && { profileFolder }),
  });
  try {
    const { provisionSeconds, startMs } = installation;
    const measured = await Promise.race([measure(mode, population, installation, options), options.interrupted]);
    return { mode: mode.name, set, networkServers, devices, gateways, copies, provisionSeconds, startMs, ...measured };
  } finally {
    await installation.close();
  }
}

type Population = Parameters<typeof openLoad>[0]["population"];

const joining = (population: Population): Population => ({ ...population, seed: (population.seed + 1) & 0xffff });

type Measured = Pick<Result, "report" | "halfRate" | "quiet" | "joins">;

async function measure(
  mode: Mode,
  population: Population,
  installation: Installation,
  options: RunOptions,
): Promise<Measured> {
  const { senders, gateways, copies, confirmed, firstRate, joinRate } = mode;
  const { payloadBytes, rate, seconds, progress } = options;
  const common = {
    servers: installation.udpPorts.map(port => ({ host: "127.0.0.1", port })),
    httpUrls: installation.httpUrls,
    mqtt: { url: installation.mqttUrl },
    applicationId: "+",
    ...{ senders, gateways, copies, payloadBytes, confirmed },
  };
  const load = await openLoad({ ...common, population });
  try {
    if (joinRate !== undefined) {
      const joiners = await openLoad({ ...common, population: joining(population) });
      try {
        return await measureStorm(load, joiners, { joinRate, rate: rate ?? firstRate, seconds, progress });
      } finally {
        await joiners.close();
      }
    }
    const how = { seconds, firstRate, progress };
    return rate === undefined ? await measureHighest(load, how) : await measureAt(load, rate, how);
  } finally {
    await load.close();
  }
}

interface StormOptions {
  readonly joinRate: number;
  readonly rate: number;
  readonly seconds: number;
  readonly progress: (text: string) => void;
}

/** Uplinks alone, then as long as the joins take at least. */
async function measureStorm(load: Load, joiners: Load, options: StormOptions): Promise<Measured> {
  const { joinRate, rate, seconds, progress } = options;
  const { report: quiet } = await measureAt(load, rate, { ...options, firstRate: rate });
  progress(`joins at ${joinRate}/s, uplinks at ${rate}/s`);
  const [report, joins] = await Promise.all([load.run(rate, seconds), joiners.join(joinRate)]);
  return { report, quiet, joins };
}
