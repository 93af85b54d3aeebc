import { expect, onTestFinished, test } from "vitest";
import { createClient, dataOf } from "../../client/client.ts";
import { regionOf } from "../../lorawan/region/regions.ts";
import { systemClock } from "../../platform/clock.ts";
import { createFleet, describeFleet } from "../../simulators/fleet.ts";
import { provision } from "../../simulators/provision.ts";
import { followingPort } from "../support/following-port.ts";
import { startInstallation, whyNoInstallation } from "../support/installation.ts";
import type { UpchirpProcess } from "../support/upchirp-process.ts";

const size = { seed: 5, devices: 8, gateways: 1 };
const shape = { region: regionOf("EU868", "RP002-1.0.4"), macVersion: "1.0.4" as const };

interface Up {
  readonly id: string;
  readonly devEui: string;
  readonly fCnt: number;
  readonly version: unknown;
}

interface Content {
  readonly fCnt: number;
  readonly deduplicationId: string;
  readonly deviceInfo: { readonly devEui: string };
  readonly object?: { readonly version?: unknown };
}
const isContent = (value: unknown): value is Content => typeof value === "object" && value !== null && "fCnt" in value;

/** A network server with a gateway, a Join Server and two application servers, and devices that speak all the time. */
async function startAll() {
  const installation = await startInstallation();
  const start = (role: "network-server" | "join-server" | "app-server") => installation.start([role]);
  const [network, , first, second] = await Promise.all([
    start("network-server"),
    start("join-server"),
    start("app-server"),
    start("app-server"),
  ]);
  const client = createClient({ url: first.apiUrl, token: first.token() });
  await provision({ ...describeFleet(size), ...shape, apiUrl: first.apiUrl, access: { token: first.token() } });
  const fleet = createFleet({
    ...size,
    ...shape,
    clock: systemClock,
    connect: () => followingPort(() => network.udpPort),
    intervalSeconds: 1,
    startWithinSeconds: 1,
    radiusM: 200,
  });
  onTestFinished(() => fleet.stop());
  return { installation, first, second, client, fleet };
}

const clientOf = ({ apiUrl }: UpchirpProcess, token: string) => createClient({ url: apiUrl, token });

/** Takes uplinks of a server's stream into the list, until `isEnough` says so or the stream is lost. */
async function follow(
  client: ReturnType<typeof createClient>,
  lastEventId: string | undefined,
  into: Up[],
  isEnough: () => boolean,
  ended: AbortSignal,
): Promise<string | undefined> {
  let last = lastEventId;
  try {
    const options = { signal: ended, ...(lastEventId !== undefined && { lastEventId }) };
    for await (const { kind, id, content } of client.events({ kind: ["up"] }, options)) {
      expect(kind).toBe("up");
      if (!isContent(content)) continue;
      const { fCnt, deduplicationId, deviceInfo, object } = content;
      into.push({ id: deduplicationId, devEui: deviceInfo.devEui, fCnt, version: object?.version });
      last = id ?? last;
      if (isEnough()) break;
    }
  } catch (error) {
    if (!ended.aborted) throw error;
  }
  return last;
}

const deliveredBy = async ({ apiUrl }: UpchirpProcess): Promise<number> => {
  const text = await (await fetch(`${apiUrl}/metrics`)).text();
  return [...text.matchAll(/^upchirp_events_total\{kind="up"\} (\d+)/gm)].reduce(
    (sum, match) => sum + Number(match[1]),
    0,
  );
};

const scriptOf = (version: number) => `function decodeUplink() { return { data: { version: ${version} } }; }`;

test.skipIf(whyNoInstallation !== undefined)(
  "a changed codec is the next event's in two application servers, and a stream goes on in the other when one is killed",
  async () => {
    const { installation, first, second, client, fleet } = await startAll();
    const token = first.token();
    const profiles = dataOf(await client.GET("/api/device-profiles")).items;
    const change = async (version: number): Promise<void> => {
      for (const { id } of profiles) {
        const path = { deviceProfileId: id };
        dataOf(
          await client.PATCH("/api/device-profiles/{deviceProfileId}", {
            params: { path },
            body: { codecScript: scriptOf(version) },
          }),
        );
      }
    };
    await change(1);
    const seen: Up[] = [];
    const ended = new AbortController();
    onTestFinished(() => ended.abort());
    let wanted = 1;
    const everyDeviceHas = (version: number): boolean =>
      new Set(seen.filter(up => up.version === version).map(({ devEui }) => devEui)).size === size.devices;
    const following = follow(client, undefined, seen, () => everyDeviceHas(wanted) && wanted === 2, ended.signal);
    fleet.start();
    for (const version of [1, 2]) {
      if (version > 1) await change(version);
      const after = seen.length;
      wanted = version;
      await expect.poll(() => everyDeviceHas(version), { timeout: 60_000 }).toBe(true);
      // Of each device, the one that was on its way when the profile was changed may still have the old one.
      const late = seen.slice(after).filter(up => up.version !== version);
      expect(new Set(late.map(({ devEui }) => devEui)).size).toBe(late.length);
    }
    for (const devEui of new Set(seen.map(up => up.devEui))) {
      const versions = seen.filter(up => up.devEui === devEui).map(({ version }) => Number(version));
      expect(versions).toEqual(versions.toSorted());
    }
    expect(await deliveredBy(first)).toBeGreaterThan(0);
    expect(await deliveredBy(second)).toBeGreaterThan(0);
    let lastId = await following;

    // Killed while its client is away; both servers' events are in the other one.
    first.child.kill("SIGKILL");
    await first.exited;
    const survivor = clientOf(second, token);
    let until = seen.length + 2 * size.devices;
    lastId = await follow(survivor, lastId, seen, () => seen.length >= until, ended.signal);
    // Nobody listens, and what was in memory is gone.
    second.child.kill("SIGKILL");
    await second.exited;
    const third = await installation.start(["app-server"]);
    const again = clientOf(third, token);
    until = seen.length + 2 * size.devices;
    await follow(again, lastId, seen, () => seen.length >= until, ended.signal);
    fleet.stop();

    for (const devEui of new Set(seen.map(up => up.devEui))) {
      const counters = seen.filter(up => up.devEui === devEui).map(({ fCnt }) => fCnt);
      const page = dataOf(
        await again.GET("/api/devices/{devEui}/events", {
          params: { path: { devEui }, query: { kind: ["up"], limit: 1000 } },
        }),
      );
      const kept = page.items.map(({ content }) => (isContent(content) ? content.fCnt : -1)).toReversed();
      const begin = kept.indexOf(counters[0] ?? -1);
      expect(counters).toEqual(kept.slice(begin, begin + counters.length));
    }
    expect(new Set(seen.map(({ id }) => id)).size).toBe(seen.length);
  },
  180_000,
);
