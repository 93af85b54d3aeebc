import { loadRegion } from "../simulators/load/datagrams.ts";
import { describeDevices, gatewayIdOf, type LoadDevice, type Population } from "../simulators/load/population.ts";
import type { ApiClient } from "./api-client.ts";
import { tenantOrDefault, textMember } from "./resources/lookup.ts";

const name = "Benchmark";
const parallel = 8;
/** The generator sends through few gateways what many would. */
const gatewayRateLimit = 1_000_000;

export interface BenchDevices {
  readonly population: Population;
  readonly gateways: number;
}

/**
 * Puts a population into a running server through its REST API; gives the id of its application. Devices that are there
 * already start again at counter 0.
 */
export async function putBenchDevices(client: ApiClient, { population, gateways }: BenchDevices): Promise<string> {
  const tenantId = await tenantOrDefault(client, "Default");
  const applicationId = await findOrCreate(client, "/applications", { tenantId, name });
  const { name: region, revision, macVersion } = loadRegion;
  const radio = { region, macVersion, regionalParameters: revision };
  const quiet = { adrAlgorithm: "none", deviceStatusIntervalSeconds: 0 };
  const profile = { tenantId, name, ...radio, ...quiet };
  const deviceProfileId = await findOrCreate(client, "/device-profiles", profile);
  await sideBySide(gateways, async number => {
    const gatewayId = gatewayIdOf(population.seed, number);
    await client.create("/gateways", { tenantId, gatewayId, name: gatewayId, rateLimit: gatewayRateLimit });
  });
  const describe = describeDevices(population);
  await sideBySide(population.devices, async number => {
    const device = describe(number);
    const { devEui, joinEui } = device;
    const activation = activationOf(device);
    const body = { devEui, joinEui, applicationId, deviceProfileId, name: devEui, activation };
    const created = await client.create("/devices", body);
    if (created === undefined) await client.call("PUT", `/devices/${devEui}/activation`, { body: activation });
  });
  return applicationId;
}

const hex = (key: Uint8Array): string => Buffer.from(key).toString("hex");

const activationOf = ({ devAddr, nwkSKey, appSKey }: LoadDevice) => ({
  devAddr,
  nwkSKey: hex(nwkSKey),
  appSKey: hex(appSKey),
});

async function findOrCreate(
  client: ApiClient,
  path: string,
  body: { readonly tenantId: string; readonly name: string },
): Promise<string> {
  const { items } = await client.list(path, { tenantId: body.tenantId }, Number.MAX_SAFE_INTEGER);
  const found = items.find(item => item.name === body.name) ?? (await client.record("POST", path, { body }));
  return textMember(found, "id");
}

async function sideBySide(count: number, work: (number: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      next += 1;
      await work(next - 1);
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
}
