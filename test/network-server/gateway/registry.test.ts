import { describe, expect, test } from "vitest";
import { type GatewayId, parseGatewayId } from "../../../lorawan/ids.ts";
import type { Admission } from "../../../network-server/gateway/admission.ts";
import type { SourceRule } from "../../../network-server/ports.ts";
import {
  counted,
  gatewayA,
  gatewayB,
  gatewayConfig,
  type RegistryBench,
  registryBench,
  TestStateStore,
} from "./fixtures.ts";

const home = { address: "192.0.2.1", port: 40_000 };
const elsewhere = { address: "198.51.100.7", port: 40_000 };
const nthGateway = (index: number): GatewayId => parseGatewayId(index.toString(16).padStart(16, "0"));

/** Judges one packet to the end. */
async function admit(bench: RegistryBench, gatewayId: GatewayId, source = home): Promise<Admission> {
  const admission = bench.registry.admit(gatewayId, source, bench.clock.monotonicUs());
  return admission.kind === "pending" ? admission.decided : admission;
}

/** `admitted` or the reason of the refusal. */
async function verdict(bench: RegistryBench, gatewayId: GatewayId, source = home): Promise<string> {
  const admission = await admit(bench, gatewayId, source);
  return admission.kind === "admitted" ? "admitted" : admission.reason;
}

describe("a registered gateway", () => {
  test("is let in, the first time after the catalog was asked, from then on at once", async () => {
    const bench = await registryBench([gatewayConfig(gatewayA)]);
    expect(bench.registry.admit(gatewayA, home, 0).kind).toBe("pending");
    await bench.clock.settle();
    expect(bench.registry.admit(gatewayA, home, 0)).toEqual({ kind: "admitted", config: gatewayConfig(gatewayA) });
    expect(bench.catalog.reads).toBe(1);
  });

  test("has its first packets decided in their order, by one question to the catalog", async () => {
    const bench = await registryBench([gatewayConfig(gatewayA)]);
    const order: number[] = [];
    for (let packet = 0; packet < 5; packet += 1) {
      const admission = bench.registry.admit(gatewayA, home, 0);
      if (admission.kind === "pending") void admission.decided.then(() => order.push(packet));
    }
    await bench.clock.settle();
    expect(order).toEqual([0, 1, 2, 3, 4]);
    expect(bench.catalog.reads).toBe(1);
  });

  test("is online until it has been silent for 90 s", async () => {
    const bench = await registryBench([gatewayConfig(gatewayA)]);
    await admit(bench, gatewayA);
    expect(bench.registry.status(gatewayA)).toMatchObject({ online: true, remoteAddress: "192.0.2.1:40000" });
    expect(await counted(bench.metrics.gatewaysOnline)).toBe(1);
    await bench.clock.advance(89_000);
    expect(bench.registry.status(gatewayA)?.online).toBe(true);
    await bench.clock.advance(11_000);
    expect(bench.registry.status(gatewayA)?.online).toBe(false);
    expect(await counted(bench.metrics.gatewaysOnline)).toBe(0);
    await admit(bench, gatewayA);
    expect(await counted(bench.metrics.gatewaysOnline)).toBe(1);
  });

  test("is refused and not sent to as soon as it is disabled", async () => {
    const bench = await registryBench([gatewayConfig(gatewayA)]);
    await admit(bench, gatewayA);
    expect(bench.registry.config(gatewayA)).toBeDefined();
    bench.catalog.put(gatewayConfig(gatewayA, { disabled: true }));
    await bench.clock.settle();
    expect(bench.registry.config(gatewayA)).toBeUndefined();
    expect(await verdict(bench, gatewayA)).toBe("disabled");
    expect(await counted(bench.metrics.gatewayRefused, "disabled_gateway")).toBe(1);
  });

  test("that is removed becomes an unknown one, and keeps its figures when it comes back", async () => {
    const bench = await registryBench([gatewayConfig(gatewayA)]);
    await admit(bench, gatewayA);
    bench.registry.recordUplinks(gatewayA, 3);
    bench.catalog.remove(gatewayA);
    expect(await verdict(bench, gatewayA)).toBe("unknown");
    expect(bench.registry.status(gatewayA)).toMatchObject({ registered: false, online: false });
    bench.catalog.put(gatewayConfig(gatewayA));
    expect(await verdict(bench, gatewayA)).toBe("admitted");
    expect(bench.registry.status(gatewayA)).toMatchObject({ registered: true, counts: { uplinks: 3, refused: 1 } });
  });

  test("is judged by the newest record when it changes while the catalog is read", async () => {
    const bench = await registryBench([gatewayConfig(gatewayA)]);
    let open = (): void => {};
    bench.catalog.gate = new Promise(resolve => {
      open = resolve;
    });
    const pending = admit(bench, gatewayA);
    bench.catalog.put(gatewayConfig(gatewayA, { disabled: true }));
    open();
    expect(await pending).toEqual({ kind: "refused", reason: "disabled" });
  });

  test("over its rate limit loses the excess, counted, and no other gateway does", async () => {
    const bench = await registryBench([gatewayConfig(gatewayA, { rateLimit: 10 }), gatewayConfig(gatewayB)]);
    const verdicts: string[] = [];
    for (let packet = 0; packet < 25; packet += 1) verdicts.push(await verdict(bench, gatewayA));
    expect(verdicts.filter(given => given === "admitted")).toHaveLength(10);
    expect(await counted(bench.metrics.gatewayRefused, "rate_limit")).toBe(15);
    expect(await verdict(bench, gatewayB)).toBe("admitted");
    await bench.clock.advance(500);
    verdicts.length = 0;
    for (let packet = 0; packet < 25; packet += 1) verdicts.push(await verdict(bench, gatewayA));
    expect(verdicts.filter(given => given === "admitted")).toHaveLength(5);
  });

  test("is refused while the catalog cannot be asked, and let in when it can again", async () => {
    const bench = await registryBench([gatewayConfig(gatewayA)]);
    bench.catalog.gate = Promise.reject(new Error("no database"));
    expect(await verdict(bench, gatewayA)).toBe("lookup");
    expect(await counted(bench.metrics.gatewayRefused, "lookup_failed")).toBe(1);
    bench.catalog.gate = undefined;
    expect(await verdict(bench, gatewayA)).toBe("admitted");
  });

  test("waits for the catalog with a bounded number of packets", async () => {
    const bench = await registryBench([gatewayConfig(gatewayA)]);
    bench.catalog.gate = new Promise(() => {});
    let waiting = 0;
    for (let packet = 0; packet < 1000; packet += 1) {
      if (bench.registry.admit(gatewayA, home, 0).kind === "pending") waiting += 1;
    }
    expect(waiting).toBe(32);
    expect(await counted(bench.metrics.gatewayRefused, "lookup_failed")).toBe(968);
  });
});

describe("the source rule", () => {
  const withRule = (sourceRule: SourceRule) => registryBench([gatewayConfig(gatewayA, { sourceRule })]);

  test("any takes every address", async () => {
    const bench = await withRule({ kind: "any" });
    expect(await verdict(bench, gatewayA, home)).toBe("admitted");
    expect(await verdict(bench, gatewayA, elsewhere)).toBe("admitted");
  });

  test("C75 pin refuses a spoofed EUI from another address, and takes a changed port", async () => {
    const bench = await withRule({ kind: "pin" });
    expect(await verdict(bench, gatewayA, home)).toBe("admitted");
    expect(await verdict(bench, gatewayA, elsewhere)).toBe("source");
    expect(await counted(bench.metrics.gatewayRefused, "wrong_source")).toBe(1);
    expect(await verdict(bench, gatewayA, { ...home, port: 50_123 })).toBe("admitted");
    expect(bench.registry.status(gatewayA)).toMatchObject({
      pinnedAddress: "192.0.2.1",
      remoteAddress: "192.0.2.1:50123",
      counts: { refused: 1 },
    });
  });

  test("C75 pin knows an IPv4 address that a socket for both families hears", async () => {
    const bench = await withRule({ kind: "pin" });
    await admit(bench, gatewayA, home);
    expect(await verdict(bench, gatewayA, { ...home, address: `::ffff:${home.address}` })).toBe("admitted");
    expect(await verdict(bench, gatewayA, { ...home, address: `::ffff:${elsewhere.address}` })).toBe("source");
  });

  test("C75 pin takes a new address once the old one is released", async () => {
    const bench = await withRule({ kind: "pin" });
    await admit(bench, gatewayA, home);
    expect(await bench.registry.releaseAddress(gatewayA)).toBe(true);
    expect(await bench.registry.releaseAddress(gatewayA)).toBe(false);
    expect(await verdict(bench, gatewayA, elsewhere)).toBe("admitted");
    expect(await verdict(bench, gatewayA, home)).toBe("source");
  });

  test("C75 pin outlives a crash right after the first packet", async () => {
    const bench = await withRule({ kind: "pin" });
    await admit(bench, gatewayA, home);
    await bench.clock.settle();
    const config = gatewayConfig(gatewayA, { sourceRule: { kind: "pin" } });
    const restarted = await registryBench([config], { store: bench.store });
    expect(await verdict(restarted, gatewayA, elsewhere)).toBe("source");
    expect(await verdict(restarted, gatewayA, home)).toBe("admitted");
  });

  test("C75 a spoofer does not use up the rate limit of the gateway", async () => {
    const bench = await registryBench([gatewayConfig(gatewayA, { sourceRule: { kind: "pin" }, rateLimit: 5 })]);
    await admit(bench, gatewayA, home);
    for (let packet = 0; packet < 100; packet += 1) await admit(bench, gatewayA, elsewhere);
    expect(await verdict(bench, gatewayA, home)).toBe("admitted");
  });

  test.each([
    ["10.1.2.3", "admitted"],
    ["::ffff:10.1.2.3", "admitted"],
    ["11.0.0.1", "source"],
    ["192.0.2.1", "admitted"],
    ["192.0.2.2", "source"],
    ["2001:db8::7", "admitted"],
    ["2001:db9::7", "source"],
    ["fe80::1%eth0", "admitted"],
    ["nonsense", "source"],
  ])("networks decides on %s: %s", async (address, expected) => {
    const cidrs = ["10.0.0.0/8", "2001:db8::/32", "192.0.2.1", "fe80::/10", "10.0.0.0/99", "x/8", "1.2.3.4/8/9"];
    const bench = await withRule({ kind: "networks", cidrs });
    expect(await verdict(bench, gatewayA, { address, port: 1 })).toBe(expected);
  });

  test("change takes effect at once", async () => {
    const bench = await withRule({ kind: "any" });
    await admit(bench, gatewayA, elsewhere);
    bench.catalog.put(gatewayConfig(gatewayA, { sourceRule: { kind: "networks", cidrs: ["192.0.2.0/24"] } }));
    expect(await verdict(bench, gatewayA, elsewhere)).toBe("source");
    expect(await verdict(bench, gatewayA, home)).toBe("admitted");
  });
});

describe("an unknown gateway", () => {
  test("C75 is refused, counted and listed, and the catalog is asked once", async () => {
    const bench = await registryBench();
    for (let packet = 0; packet < 10; packet += 1) expect(await verdict(bench, gatewayA)).toBe("unknown");
    expect(await counted(bench.metrics.gatewayRefused, "unknown_gateway")).toBe(10);
    expect(bench.catalog.reads).toBe(1);
    expect(bench.registry.statuses()).toMatchObject([
      {
        gatewayId: gatewayA,
        registered: false,
        online: false,
        remoteAddress: "192.0.2.1:40000",
        counts: { refused: 10 },
      },
    ]);
    expect(bench.registry.config(gatewayA)).toBeUndefined();
  });

  test("C75 is let in as soon as somebody registers it", async () => {
    const bench = await registryBench();
    expect(await verdict(bench, gatewayA)).toBe("unknown");
    bench.catalog.put(gatewayConfig(gatewayA));
    expect(await verdict(bench, gatewayA)).toBe("admitted");
    expect(bench.registry.statuses()).toMatchObject([{ gatewayId: gatewayA, registered: true, online: true }]);
  });

  test("is let in where that is configured", async () => {
    const bench = await registryBench([], { acceptUnknown: true });
    expect(await verdict(bench, gatewayA)).toBe("admitted");
    expect(bench.registry.status(gatewayA)).toMatchObject({ registered: false, online: true });
    expect(bench.registry.config(gatewayA)).toMatchObject({ antennaGainDb: 0 });
  });

  test("C75 one of a flood of forged EUIs from many sources costs constant memory and no catalog storm", async () => {
    const bench = await registryBench([gatewayConfig(gatewayB)]);
    await admit(bench, gatewayB);
    for (let index = 1; index <= 20_000; index += 1) {
      const source = { address: `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`, port: 1700 };
      const admission = bench.registry.admit(nthGateway(index), source, bench.clock.monotonicUs());
      if (admission.kind === "pending" && index % 100 === 0) await admission.decided;
    }
    await bench.clock.settle();
    expect(bench.registry.statuses()).toHaveLength(1001);
    expect(await verdict(bench, gatewayB)).toBe("admitted");
    expect(await counted(bench.metrics.gatewayRefused)).toBe(20_000);
  });

  test("C75 one of a flood of forged EUIs from one source is shed before the catalog is asked", async () => {
    const bench = await registryBench();
    for (let index = 1; index <= 20_000; index += 1) await admit(bench, nthGateway(index));
    expect(bench.catalog.reads).toBe(100);
    expect(await counted(bench.metrics.gatewayRefused, "rate_limit")).toBe(19_900);
    expect(bench.registry.statuses()).toHaveLength(100);
    await bench.clock.advance(1000);
    expect(await verdict(bench, nthGateway(30_000))).toBe("unknown");
  });

  test("C75 that goes on speaking stays in the list, and those that fell silent leave it", async () => {
    const bench = await registryBench([], { acceptUnknown: true });
    const hear = (index: number) =>
      admit(bench, nthGateway(index), { address: `10.0.${index >> 8}.${index & 255}`, port: 1700 });
    for (let index = 1; index <= 1000; index += 1) await hear(index);
    await hear(1);
    await hear(1001);
    const listed = bench.registry.statuses().map(({ gatewayId }) => gatewayId);
    expect(listed).toContain(nthGateway(1));
    expect(listed).not.toContain(nthGateway(2));
  });

  test("leaves the store when newer ones push it out of the list", async () => {
    const bench = await registryBench();
    for (let index = 1; index <= 1200; index += 1) {
      await admit(bench, nthGateway(index), { address: `10.0.${index >> 8}.${index & 255}`, port: 1 });
      if (index === 600) await bench.clock.advance(10_000);
    }
    await bench.clock.advance(10_000);
    expect(bench.store.states.size).toBe(1000);
    expect(bench.store.states.has(nthGateway(200))).toBe(false);
    expect(bench.store.states.has(nthGateway(201))).toBe(true);
  });
});

describe("what is known of a gateway", () => {
  test("has counts, the median round trip and the last statistics", async () => {
    const bench = await registryBench([gatewayConfig(gatewayA)]);
    await admit(bench, gatewayA);
    bench.registry.recordUplinks(gatewayA, 2);
    bench.registry.recordDownlink(gatewayA, true);
    bench.registry.recordDownlink(gatewayA, false);
    for (const milliseconds of [30, 500, 20, 40]) bench.registry.recordRoundTrip(gatewayA, milliseconds);
    bench.registry.recordStatistics(gatewayA, { rxnb: 2, pfrm: "IMST" });
    expect(bench.registry.status(gatewayA)).toMatchObject({
      roundTripMs: 35,
      counts: { uplinks: 2, downlinks: 1, downlinkFailures: 1, refused: 0 },
      lastStatistics: { rxnb: 2, pfrm: "IMST" },
    });
    for (let round = 0; round < 16; round += 1) bench.registry.recordRoundTrip(gatewayA, 7);
    expect(bench.registry.status(gatewayA)?.roundTripMs).toBe(7);
  });

  test("has the place that people configured before the one that it says", async () => {
    const said = { latitude: 1, longitude: 2, altitude: 3 };
    const configured = { latitude: 46, longitude: 6, altitude: 400 };
    const bench = await registryBench([gatewayConfig(gatewayA), gatewayConfig(gatewayB, { location: configured })]);
    for (const gatewayId of [gatewayA, gatewayB]) {
      await admit(bench, gatewayId);
      bench.registry.recordStatistics(gatewayId, {}, said);
      bench.registry.recordStatistics(gatewayId, {});
    }
    expect(bench.registry.location(gatewayA)).toEqual(said);
    expect(bench.registry.location(gatewayB)).toEqual(configured);
    expect(bench.registry.status(gatewayB)?.location).toEqual(configured);
  });

  test("is written every 10 s at most, and at the stop", async () => {
    const bench = await registryBench([gatewayConfig(gatewayA)]);
    for (let second = 0; second < 30; second += 1) {
      for (let packet = 0; packet < 20; packet += 1) await admit(bench, gatewayA);
      await bench.clock.advance(1000);
    }
    expect(bench.store.writes).toBe(3);
    await bench.clock.advance(30_000);
    expect(bench.store.writes).toBe(3);
    bench.registry.recordUplinks(gatewayA, 1);
    await bench.registry.stop();
    expect(bench.store.writes).toBe(4);
    await bench.clock.advance(60_000);
    expect(bench.store.writes).toBe(4);
  });

  test("is there again after a restart", async () => {
    const bench = await registryBench([gatewayConfig(gatewayA)]);
    await admit(bench, gatewayA);
    await admit(bench, gatewayB);
    bench.registry.recordUplinks(gatewayA, 5);
    bench.registry.recordRoundTrip(gatewayA, 42);
    bench.registry.recordStatistics(gatewayA, { rxnb: 9 }, { latitude: 1, longitude: 2, altitude: 3 });
    await bench.registry.stop();
    const before = bench.registry.statuses();
    const restarted = await registryBench([gatewayConfig(gatewayA)], { store: bench.store });
    expect(restarted.registry.statuses()).toEqual(before);
    expect(await verdict(restarted, gatewayA)).toBe("admitted");
    expect(restarted.registry.status(gatewayA)).toMatchObject({ roundTripMs: 42, counts: { uplinks: 5 } });
  });

  test("that an unknown gateway was registered during a stop is noticed", async () => {
    const bench = await registryBench();
    await admit(bench, gatewayA);
    await bench.registry.stop();
    const restarted = await registryBench([gatewayConfig(gatewayA)], { store: bench.store });
    expect(await verdict(restarted, gatewayA)).toBe("admitted");
  });

  test("starts anew where the store holds something else", async () => {
    const store = new TestStateStore();
    store.states.set(gatewayA, Buffer.from('{"gatewayId":7}'));
    store.states.set(gatewayB, Buffer.from([0xff, 0]));
    const bench = await registryBench([gatewayConfig(gatewayA)], { store });
    expect(bench.registry.statuses()).toEqual([]);
    expect(await verdict(bench, gatewayA)).toBe("admitted");
  });

  test("is kept and tried again while the store is away", async () => {
    const bench = await registryBench([gatewayConfig(gatewayA)]);
    await admit(bench, gatewayA);
    bench.store.failing = true;
    await bench.clock.advance(10_000);
    expect(bench.store.states.size).toBe(0);
    expect(await counted(bench.metrics.storeFaults)).toBe(1);
    bench.store.failing = false;
    await bench.clock.advance(10_000);
    expect(bench.store.states.size).toBe(1);
  });
});
