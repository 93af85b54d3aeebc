import { describe, expect, test } from "vitest";
import { gpsMsOf } from "../../lorawan/gps-time.ts";
import { regionOf } from "../../lorawan/region/regions.ts";
import type { RegionConfig } from "../../network-server/config.ts";
import { defaultRegionConfig } from "../../network-server/region-config.ts";
import type { LogCode, LogEvent, NetworkEvent } from "../../platform/state/network-event.ts";
import { joinedLife, type LifeOptions, lifeOf, personalisedLife } from "../support/radio-life.ts";
import { createScenario } from "../support/scenario.ts";

const eu868 = (changes: Partial<RegionConfig> = {}): RegionConfig => ({
  ...defaultRegionConfig("EU868"),
  extraChannels: [],
  ...changes,
});

/** A network whose one configuration is this. */
const under = (config: RegionConfig, options: LifeOptions = {}): LifeOptions => ({
  ...options,
  region: config.region,
  network: { regions: [config] },
});

const rx2Only = { txRangeHz: { lowest: 869_525_000, highest: 869_525_000 } };

describe("receive windows", () => {
  const windows = { rx1DelaySeconds: 5, rx1DrOffset: 2, rx2DataRate: 3 };

  test("C30 what the Join-Accept says of the windows holds with the first uplink", async () => {
    const life = await joinedLife(under(eu868(windows)));
    expect(life.parameters()).toMatchObject(windows);
    await life.send({ confirmed: true });
    expect(life.eventsOfKind("downlink")).toMatchObject([{ window: "RX1", ack: true }]);
    life.expectAllHeard();
    expect(life.commandsHeard()).not.toContain("RXParamSetupReq");
  });

  test("C30 RX2 has the data rate of the Join-Accept at once", async () => {
    const life = await joinedLife(under(eu868(windows), { gateways: [rx2Only] }));
    await life.send({ confirmed: true });
    expect(life.eventsOfKind("downlink")).toMatchObject([{ window: "RX2", ack: true }]);
    life.expectAllHeard();
  });

  test("RXParamSetupReq brings another RX2 frequency, and frames are heard there", async () => {
    const config = eu868({ ...windows, rx2FrequencyHz: 869_850_000 });
    const both = { txRangeHz: { lowest: 869_525_000, highest: 869_850_000 } };
    const life = await joinedLife(under(config, { gateways: [both] }));
    await life.sendMany(4, { confirmed: true });
    expect(life.parameters().rx2FrequencyHz).toBe(869_850_000);
    expect(new Set(life.eventsOfKind("downlink").map(event => event.window))).toEqual(new Set(["RX2"]));
    life.expectAllHeard();
    await life.expectAgreement();
  });

  test("a device activated by personalisation is brought from its own windows to the network's", async () => {
    const life = await personalisedLife(under(eu868({ ...windows, rx2FrequencyHz: 869_850_000 })));
    await life.sendMany(6, { confirmed: true });
    expect(life.parameters()).toMatchObject({ ...windows, rx2FrequencyHz: 869_850_000 });
    expect(life.commandsHeard()).toEqual(expect.arrayContaining(["RXTimingSetupReq", "RXParamSetupReq"]));
    life.expectAllHeard();
    await life.expectAgreement();
  });

  test("a profile's own delay goes before the region's, and the device's before the profile's", async () => {
    const mac = { rx1DelaySeconds: 3, rx1DrOffset: 1 };
    const life = await joinedLife(under(eu868(windows), { profile: { mac }, config: { mac: { rx1DrOffset: 4 } } }));
    // The scenario's profile goes with the device's configuration.
    expect(life.parameters()).toMatchObject({ rx1DelaySeconds: 3, rx1DrOffset: 4, rx2DataRate: 3 });
    await life.sendMany(3, { confirmed: true });
    life.expectAllHeard();
  });

  test("C58 answers that the device repeats are ended by one downlink, however late it comes", async () => {
    const life = await personalisedLife(under(eu868(windows), { device: { promptAnswers: false } }));
    await life.send();
    expect(life.commandsHeard()).toContain("RXTimingSetupReq");
    life.faults.loseToGateways = true;
    await life.sendMany(5);
    expect(life.device.device.session?.answers.length).toBeGreaterThan(0);
    life.faults.loseToGateways = false;
    const before = life.eventsOfKind("downlink").length;
    await life.sendMany(6);
    expect(life.device.device.session?.answers).toEqual([]);
    expect(life.eventsOfKind("downlink")).toHaveLength(before + 1);
    life.expectAllHeard();
    await life.expectAgreement();
  });
});

describe("channels", () => {
  const channels = [867_100_000, 867_300_000, 867_500_000, 867_700_000, 867_900_000, 868_850_000].map(frequencyHz => ({
    frequencyHz,
    minDataRate: 0,
    maxDataRate: 5,
  }));
  const extraChannels = [
    { ...channels[0], frequencyHz: 867_100_000, downlinkFrequencyHz: 865_100_000, minDataRate: 0, maxDataRate: 5 },
    ...channels.slice(1),
    { frequencyHz: 867_150_000, minDataRate: 2, maxDataRate: 5 },
  ];

  test("C59 NewChannelReq adds what a CFList cannot say, and never touches a default channel", async () => {
    const life = await joinedLife(under(eu868({ extraChannels })));
    await life.sendMany(12, { confirmed: true });
    expect(life.parameters().channels.map(channel => channel?.uplinkFrequencyHz)).toEqual([
      868_100_000,
      868_300_000,
      868_500_000,
      ...extraChannels.map(channel => channel.frequencyHz),
    ]);
    expect(life.parameters().enabledChannels).toHaveLength(10);
    expect(life.parameters().channels[9]).toMatchObject({ minDataRate: 2 });
    expect(life.commandsHeard().filter(name => name === "NewChannelReq")).toHaveLength(2);
    life.expectAllHeard();
    await life.expectAgreement();
  });

  test("C58 C64 DlChannelReq moves RX1 of a channel, and downlinks follow", async () => {
    const life = await joinedLife(under(eu868({ extraChannels })));
    await life.sendMany(43, { confirmed: true });
    expect(life.commandsHeard()).toContain("DlChannelReq");
    expect(life.parameters().channels[3]).toMatchObject({ downlinkFrequencyHz: 865_100_000 });
    life.expectAllHeard();
    await life.expectAgreement();
  });

  test("C59 a device activated by personalisation gets every extra channel one by one", async () => {
    const life = await personalisedLife(under(eu868({ extraChannels })));
    await life.sendMany(23, { confirmed: true });
    expect(life.parameters().enabledChannels).toHaveLength(10);
    life.expectAllHeard();
    await life.expectAgreement();
  });

  test("C59 fixed plans get no NewChannelReq, and C55 a sub-band comes as one block", async () => {
    const life = await personalisedLife(
      under({ ...defaultRegionConfig("US915"), subBand: 2 }, { profile: { regionalParameters: "RP001-1.0.2-B" } }),
    );
    await life.sendMany(30);
    expect(life.parameters().enabledChannels).toEqual([8, 9, 10, 11, 12, 13, 14, 15, 65]);
    expect(life.commandsHeard()).not.toContain("NewChannelReq");
    life.expectAllHeard();
  });

  test("a configuration that changes reaches devices that have joined before", async () => {
    const regions = [eu868()];
    const life = await joinedLife({ network: { regions } });
    await life.sendMany(3, { confirmed: true });
    regions[0] = eu868({ rx1DelaySeconds: 3, rx2DataRate: 4, extraChannels: channels.slice(0, 3) });
    await life.sendMany(8, { confirmed: true });
    expect(life.parameters()).toMatchObject({ rx1DelaySeconds: 3, rx2DataRate: 4 });
    expect(life.parameters().enabledChannels).toHaveLength(6);
    regions[0] = eu868();
    await life.sendMany(8, { confirmed: true });
    expect(life.parameters()).toMatchObject({ rx1DelaySeconds: 1, rx2DataRate: 0, enabledChannels: [0, 1, 2] });
    life.expectAllHeard();
  });
});

describe("transmission", () => {
  test("C64 DutyCycleReq reaches the device when configured", async () => {
    const life = await joinedLife(under(eu868({ maxDutyCycleExponent: 7 })));
    await life.sendMany(3);
    expect(life.parameters().maxDutyCycleExponent).toBe(7);
    expect(life.commandsHeard().filter(name => name === "DutyCycleReq")).toHaveLength(1);
    await life.expectAgreement();
  });

  test.each([
    ["AS923", "RP001-1.0.2-B", "1.0.2"],
    ["AS923", "RP002-1.0.4", "1.0.4"],
    ["AU915", "RP002-1.0.4", "1.0.4"],
  ] as const)(
    "C60 TxParamSetupReq sets dwell times and EIRP in %s under %s",
    async (region, regionalParameters, macVersion) => {
      const wanted = { uplinkDwellTime: false, downlinkDwellTime: false, maxEirpDbm: 13 };
      const life = await joinedLife(
        under(
          { ...defaultRegionConfig(region), subBand: region === "AU915" ? 1 : 0, ...wanted },
          { profile: { regionalParameters, macVersion } },
        ),
      );
      expect(life.parameters().uplinkDwellTime).toBe(true);
      await life.sendMany(6, { confirmed: true });
      expect(life.parameters()).toMatchObject(wanted);
      expect(life.commandsHeard().filter(name => name === "TxParamSetupReq")).toHaveLength(1);
      life.expectAllHeard();
      await life.expectAgreement();
    },
  );

  test("C60 a region without TxParamSetupReq never sends it, whatever a profile wishes", async () => {
    const life = await joinedLife({ profile: { mac: { maxEirpDbm: 10, uplinkDwellTime: true } } });
    await life.sendMany(5);
    expect(life.commandsHeard()).not.toContain("TxParamSetupReq");
  });
});

describe("requests of the device and of the network", () => {
  test("C53 LinkCheckReq is answered with the margin and the number of gateways", async () => {
    const life = await joinedLife({ gateways: [{}, {}, {}] });
    life.device.device.request("LinkCheckReq");
    await life.send();
    const [answer] = life.eventsOfKind("link-check");
    expect(answer?.gatewayCount).toBe(3);
    // The gateways hear 13 dB at most; SF7 needs -7.5 dB.
    expect(answer?.marginDb).toBeGreaterThan(10);
    expect(answer?.marginDb).toBeLessThanOrEqual(21);
  });

  test.each([true, false])(
    "C49 DeviceTimeReq is answered with the end of the uplink, gateway with GPS: %s",
    async gps => {
      const life = await joinedLife({ gateways: [{ gps }] });
      const startMs = life.clock.nowMs() - life.clock.monotonicUs() / 1000;
      life.device.device.request("DeviceTimeReq");
      await life.send();
      const [answer] = life.eventsOfKind("device-time");
      const endMs = startMs + (life.eventsOfKind("uplink-ended").at(-1)?.endUs ?? 0) / 1000;
      expect(Math.abs((answer?.gpsTimeMs ?? 0) - gpsMsOf(endMs))).toBeLessThan(1000 / 256 + 1);
    },
  );

  test("C49 a slow way to the server does not make the time wrong", async () => {
    const life = await joinedLife();
    await life.sendMany(3);
    const startMs = life.clock.nowMs() - life.clock.monotonicUs() / 1000;
    life.faults.toServerMs = 400;
    life.device.device.request("DeviceTimeReq");
    await life.send();
    const [answer] = life.eventsOfKind("device-time");
    const endMs = startMs + (life.eventsOfKind("uplink-ended").at(-1)?.endUs ?? 0) / 1000;
    expect(Math.abs((answer?.gpsTimeMs ?? 0) - gpsMsOf(endMs))).toBeLessThan(1000 / 256 + 1);
  });

  test("C49 a gateway's GPS time goes before the server's clock", async () => {
    const life = await joinedLife({ gateways: [{ gps: true }] });
    const startMs = life.clock.nowMs() - life.clock.monotonicUs() / 1000;
    const aheadMs = 700;
    life.faults.toServer = bytes => {
      const text = Buffer.from(bytes.subarray(12)).toString();
      const later = text.replace(/"tmms":(\d+)/, (_, tmms: string) => `"tmms":${Number(tmms) + aheadMs}`);
      return [Buffer.concat([bytes.subarray(0, 12), Buffer.from(later)])];
    };
    life.device.device.request("DeviceTimeReq");
    await life.send();
    const [answer] = life.eventsOfKind("device-time");
    const endMs = startMs + (life.eventsOfKind("uplink-ended").at(-1)?.endUs ?? 0) / 1000;
    expect(Math.abs((answer?.gpsTimeMs ?? 0) - gpsMsOf(endMs) - aheadMs)).toBeLessThan(1000 / 256 + 1);
  });

  test("C49 a way that is slow at all times is half of the round trip", async () => {
    const scenario = await createScenario();
    const startMs = scenario.clock.nowMs() - scenario.clock.monotonicUs() / 1000;
    Object.assign(scenario.faults, { toServerMs: 250, toGatewaysMs: 250 });
    const gateway = await scenario.addGateway();
    const life = lifeOf(scenario, [gateway], await scenario.addDevice());
    life.device.device.start();
    await life.clock.advance(15_000);
    life.device.device.request("DeviceTimeReq");
    await life.send();
    const [answer] = life.eventsOfKind("device-time");
    const endMs = startMs + (life.eventsOfKind("uplink-ended").at(-1)?.endUs ?? 0) / 1000;
    expect(Math.abs((answer?.gpsTimeMs ?? 0) - gpsMsOf(endMs))).toBeLessThan(1000 / 256 + 1);
  });

  test.each([
    [0, { externalPowerSource: true, batteryLevelUnavailable: false }],
    [127, { externalPowerSource: false, batteryLevelUnavailable: false }],
    [255, { externalPowerSource: false, batteryLevelUnavailable: true }],
  ])("C61 DevStatusReq is asked by the interval, battery %i", async (battery, expected) => {
    const life = await joinedLife({ device: { battery }, profile: { deviceStatusIntervalSeconds: 3600 } });
    await life.sendMany(5);
    await life.clock.advance(3_600_000);
    await life.sendMany(5);
    const statuses = (await life.eventsOf(life.device.devEui)).filter(event => event.kind === "status");
    expect(statuses).toMatchObject([expected, expected]);
    expect(statuses[0]?.margin).toBeGreaterThanOrEqual(-32);
    expect(statuses[0]?.margin).toBeLessThanOrEqual(31);
  });

  test("C54 ADRACKReq is answered by the very next downlink", async () => {
    const life = await joinedLife();
    await life.sendMany(60);
    const count = life.eventsOfKind("downlink").length;
    await life.sendMany(70);
    const later = life.eventsOfKind("downlink").slice(count);
    expect(later.length).toBeGreaterThan(0);
    expect(life.device.device.session?.adrAckCounter).toBeLessThan(64);
    life.expectAllHeard();
  });
});

const isLog =
  (code: LogCode) =>
  (event: NetworkEvent): event is LogEvent =>
    event.kind === "log" && event.code === code;

test("C56 a request that the device keeps refusing is told once, with what was asked and what was refused", async () => {
  // Built before EU868 had LR-FHSS.
  const region = regionOf("EU868", "TS001-1.0.0");
  const extraChannels = [{ frequencyHz: 867_150_000, minDataRate: 0, maxDataRate: 11 }];
  const life = await joinedLife(under(eu868({ extraChannels }), { device: { region } }));
  await life.sendMany(15);
  expect(life.commandsHeard().filter(name => name === "NewChannelReq")).toHaveLength(3);
  const givenUp = (await life.eventsOf(life.device.devEui)).filter(isLog("MAC_REQUEST_GIVEN_UP"));
  expect(givenUp).toMatchObject([
    {
      level: "WARNING",
      context: {
        command: "NewChannelReq",
        request: expect.stringContaining("frequencyHz 867150000"),
        tries: "3",
        refused: expect.stringContaining("dataRateRangeOk"),
      },
    },
  ]);
  expect(givenUp[0]?.description).toContain("refused NewChannelReq");
});

describe("LinkADRReq", () => {
  test("C56 a device that refuses a power is asked for a lower one and then left alone", async () => {
    // Built when EU868 had TXPower 0 to 5; the profile says 0 to 7.
    const life = await joinedLife({ device: { region: regionOf("EU868", "TS001-1.0.0"), position: nearby } });
    await life.sendMany(150);
    expect(life.parameters()).toMatchObject({ dataRate: 5, txPowerIndex: 5 });
    await life.expectAgreementOf("dataRate", "txPowerIndex", "nbTrans");
    const asked = life.commandsHeard().length;
    await life.sendMany(60);
    expect(life.commandsHeard()).toHaveLength(asked);
    life.expectAllHeard();
    const givenUp = (await life.eventsOf(life.device.devEui)).filter(isLog("MAC_REQUEST_GIVEN_UP"));
    expect(givenUp.map(event => event.context)).toMatchObject([
      { command: "LinkADRReq", request: expect.stringContaining("txPowerIndex 6"), tries: "1", refused: "powerAck" },
      { command: "LinkADRReq", request: expect.stringContaining("txPowerIndex 7"), tries: "1", refused: "powerAck" },
    ]);
  });

  test("C57 after the device's back-off data rate, power and channels are learnt again and set anew", async () => {
    const members = [8, 9, 10, 11, 12, 13, 14, 15, 65];
    const region = regionOf("US915", "RP002-1.0.4");
    const listensTo = new Set(members.flatMap(number => region.defaultChannels[number]?.uplinkFrequencyHz ?? []));
    const life = await joinedLife({
      region: "US915",
      gateways: [{ listensTo }],
      device: { position: nearby, channels: new Set(members) },
    });
    await life.sendMany(120);
    const settled = life.parameters();
    expect(settled.enabledChannels).toEqual(members);
    life.faults.loseToGateways = true;
    await life.sendMany(64 + 32 * 6);
    const backedOff = life.parameters();
    expect(backedOff).toMatchObject({ dataRate: 0, txPowerIndex: 0 });
    expect(backedOff.enabledChannels).toHaveLength(72);
    life.faults.loseToGateways = false;
    await life.sendMany(200);
    expect(life.parameters()).toMatchObject({ dataRate: settled.dataRate, enabledChannels: members });
    expect(life.parameters().txPowerIndex).toBeGreaterThan(0);
    life.expectAllHeard();
    await life.expectAgreement();
  });
});

const nearby = { eastM: 50, northM: 0, heightM: 2 };
