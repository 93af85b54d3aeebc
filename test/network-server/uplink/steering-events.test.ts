import { expect, test } from "vitest";
import { parseApplicationId, parseDevEui } from "../../../lorawan/ids.ts";
import { requestsFor } from "../../../lorawan/mac/requests.ts";
import type { MacState, WantedMacParameters } from "../../../lorawan/mac/state.ts";
import { steeringEvents } from "../../../network-server/uplink/steering-events.ts";
import { contextOf } from "../../lorawan/mac/session.ts";
import { someSession } from "../../support/sessions.ts";

const device = {
  devEui: parseDevEui("70b3d57ed0001234"),
  applicationId: parseApplicationId("17c82e96-be03-4f38-aef3-f83d48582d97"),
};
const fresh = () => ({ device, atMs: 0, deduplicationId: "9c0d2e9a-52b6-41b8-9a5c-0a7fca2bd7b4" });
const wanted = { dataRate: 5, txPowerIndex: 4, nbTrans: 2 };
const adrDecision = { wanted, reason: "SNR max 7.2 dB over 20, margin 12.1 dB" };

/** What is told of the requests that `asked` makes of a device in this state. */
function told(changes: Partial<MacState> = {}, asked: WantedMacParameters = wanted) {
  const session = someSession();
  const mac = { ...session.mac, ...changes };
  const steering = { session: { ...session, mac }, macEvents: [], adrDecision };
  return steeringEvents(fresh, steering, requestsFor(mac, asked, contextOf()));
}

test("a change by ADR is told with its reason and in dBm", () => {
  expect(told()).toMatchObject([
    {
      kind: "log",
      level: "INFO",
      code: "ADR",
      description: "SNR max 7.2 dB over 20, margin 12.1 dB: DR5, 8 dBm, 2 transmissions",
      context: { data_rate: "5", tx_power_index: "4", tx_power_dbm: "8", nb_trans: "2" },
    },
  ]);
});

test("what is told is the request and not the wish that a refusal has changed", () => {
  const linkAdrRefusals = { dataRates: [], txPowerIndexes: [4], enabledChannels: [] };
  expect(told({ linkAdrRefusals })[0]).toMatchObject({ context: { tx_power_index: "3", tx_power_dbm: "10" } });
});

test("a request that is sent again, one about channels alone, and other commands are not told", () => {
  const [request] = requestsFor(someSession().mac, wanted, contextOf());
  const key = Buffer.from(request?.bytes ?? []).toString("hex");
  expect(told({ failures: { [key]: 1 } })).toEqual([]);
  expect(told({}, { enabledChannels: [0, 1] })).toEqual([]);
  expect(told({}, { rx1DelaySeconds: 3 })).toEqual([]);
});

test("what is wanted and does not fit into the answer is not told", () => {
  const session = someSession();
  expect(steeringEvents(fresh, { session, macEvents: [], adrDecision }, [])).toEqual([]);
});

test("a request without an answer is told with how often it was sent", () => {
  const session = someSession();
  const mac = { ...session.mac, failures: { "0802": 3 } };
  const macEvents = [{ kind: "given-up", name: "RXTimingSetupReq", request: "0802" }] as const;
  expect(steeringEvents(fresh, { session: { ...session, mac }, macEvents }, [])).toMatchObject([
    {
      level: "WARNING",
      code: "MAC_REQUEST_GIVEN_UP",
      description: expect.stringContaining("did not answer RXTimingSetupReq"),
      context: { command: "RXTimingSetupReq", request: expect.stringMatching(/2$/), tries: "3" },
    },
  ]);
});
