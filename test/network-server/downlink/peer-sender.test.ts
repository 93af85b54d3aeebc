import { expect, test } from "vitest";
import { parseGatewayId } from "../../../lorawan/ids.ts";
import { regionOf } from "../../../lorawan/region/regions.ts";
import type {
  GpsTimedFrame,
  LocalSender,
  PromptFrame,
  TimedFrame,
  TimedResult,
} from "../../../network-server/downlink/gateway-sender.ts";
import { createPeerSender } from "../../../network-server/downlink/peer-sender.ts";
import { dataWindows } from "../../../network-server/downlink/windows.ts";
import type { Reception } from "../../../network-server/gateway/types.ts";
import type { GatewayPlaces } from "../../../network-server/gateway-places.ts";
import { createLocalPeers } from "../../../platform/peers/local.ts";
import { someSession } from "../../support/sessions.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";

const gatewayId = parseGatewayId("000000000000000a");
const region = regionOf("EU868", "RP002-1.0.4");
const [window] = dataWindows(region, someSession().mac.current, { frequencyHz: 868_100_000, dataRate: 5 });
if (!window) throw new Error("EU868 has an RX1");
const rx1 = window;

/** Two servers; the gateway is connected to the second, whose sender answers as it is told. */
function bench() {
  const clock = createVirtualClock();
  const network = createLocalPeers(clock);
  const [one, two] = [network.join({ isShared: true }), network.join({ isShared: true })];
  const gone: string[] = [];
  const placesOf = (instance: string | undefined): GatewayPlaces => ({
    elsewhere: () => instance,
    here: () => {},
    gone: other => gone.push(other),
    close: async () => {},
  });
  const asked: { timed: TimedFrame[]; gps: GpsTimedFrame[]; prompt: PromptFrame[] } = {
    timed: [],
    gps: [],
    prompt: [],
  };
  const answers = { timed: async (): Promise<TimedResult> => ({ kind: "sent" }), prompt: [] as object[] };
  const local: LocalSender = {
    reaches: () => false,
    reservedUs: () => 0,
    hasGpsTime: () => undefined,
    leadMs: () => 45,
    async sendAtGps(frame) {
      asked.gps.push(frame);
      return answers.timed();
    },
    async sendTimed(frame) {
      asked.timed.push(frame);
      return answers.timed();
    },
    sendPrompt: async () => ({ kind: "failed", reason: "GATEWAY_OFFLINE" }),
    async tryPrompt(frame) {
      asked.prompt.push(frame);
      return answers.prompt.shift() === undefined ? { kind: "sent", endsInMs: 7 } : { kind: "busy", freeInMs: 200 };
    },
  };
  const sender = createPeerSender({ local, places: placesOf(two.instance), peers: one, clock });
  createPeerSender({ local, places: placesOf(undefined), peers: two, clock });
  const reception: Reception = {
    gatewayId,
    phyPayload: Uint8Array.of(1, 2, 3),
    frequencyHz: 868_100_000,
    modulation: { kind: "lora", spreadingFactor: 7, bandwidthHz: 125_000 },
    rssiDbm: -80,
    snrDb: 9,
    counterUs: 1_000_000,
    receivedAtUs: clock.monotonicUs(),
    receivedAtMs: clock.nowMs(),
    heard: { instance: two.instance, atUs: 123 },
    rxInfo: { gatewayId, uplinkId: 1 },
    txInfo: { frequency: 868_100_000, modulation: { fsk: { datarate: 50_000 } } },
  };
  const phyPayload = Uint8Array.of(0x60, 9, 8, 7);
  const timed: TimedFrame = { downlinkId: 5, phyPayload, priority: "class-a", window: rx1, reception };
  const prompt: PromptFrame = { downlinkId: 6, phyPayload, gatewayId, channel: rx1 };
  return { clock, one, two, gone, asked, answers, sender, timed, prompt };
}

test("a frame is sent by the server that has the gateway, which gets it whole and with its own time of reception", async () => {
  const { asked, sender, timed } = bench();
  expect(sender.reaches(gatewayId)).toBe(true);
  expect(await sender.sendTimed(timed)).toEqual({ kind: "sent" });
  expect(asked.timed).toEqual([{ ...timed, reception: { ...timed.reception, receivedAtUs: 123 } }]);
});

test("C41 what the other server says of the gateway is the outcome", async () => {
  const { answers, sender, timed } = bench();
  answers.timed = async () => ({ kind: "failed", reason: "COLLISION_PACKET" });
  expect(await sender.sendTimed(timed)).toEqual({ kind: "failed", reason: "COLLISION_PACKET" });
});

test("a server that is gone has sent nothing, and is not asked again for its other gateways", async () => {
  const { two, gone, sender, timed, prompt } = bench();
  await two.close();
  expect(await sender.sendTimed(timed)).toEqual({ kind: "failed", reason: "GATEWAY_OFFLINE" });
  const { kind } = await sender.sendPrompt(prompt, async () => true);
  expect(kind).toBe("failed");
  expect(gone).toEqual([two.instance, two.instance]);
});

test("C47 a frame for a ping slot is sent by the server that has the gateway, which alone knows of its GPS time", async () => {
  const { asked, sender, prompt } = bench();
  const frame = { ...prompt, gpsTimeMs: 1_400_000_000_000 };
  expect(sender.hasGpsTime(gatewayId)).toBeUndefined();
  expect(await sender.sendAtGps(frame)).toEqual({ kind: "sent" });
  expect(asked.gps).toEqual([frame]);
});

test("C41 a server that does not answer may have sent it", async () => {
  const { clock, answers, sender, timed } = bench();
  answers.timed = () => new Promise(() => {});
  const sent = sender.sendTimed(timed);
  await clock.advance(5_000);
  expect(await sent).toEqual({ kind: "failed", reason: "NO_TX_ACK" });
});

test("a busy gateway of another server is waited for, unless the frame is not due any more", async () => {
  const { clock, asked, answers, sender, prompt } = bench();
  answers.prompt.push({}, {});
  const sent = sender.sendPrompt(prompt, async () => true);
  await clock.advance(1_000);
  expect(await sent).toEqual({ kind: "sent", endsInMs: 7 });
  expect(asked.prompt).toHaveLength(3);
  answers.prompt.push({});
  const withdrawn = sender.sendPrompt(prompt, async () => false);
  await clock.advance(1_000);
  expect(await withdrawn).toEqual({ kind: "withdrawn" });
  answers.prompt.push(...Array.from({ length: 50 }, () => ({})));
  const busy = sender.sendPrompt(prompt, async () => true);
  await clock.advance(10_000);
  expect(await busy).toEqual({ kind: "failed", reason: "COLLISION_PACKET" });
});
