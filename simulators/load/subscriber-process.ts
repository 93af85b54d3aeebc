import { connectAsync } from "mqtt";
import * as calls from "./calls.ts";
import { handler, serveCalls } from "./process-calls.ts";
import { cpuTimeUs, sharedUs } from "./shared-time.ts";
import { type ArrivalLog, createArrivalLog } from "./subscriber.ts";

let cpuBeforeUs = 0;
let opened: ArrivalLog | undefined;

const log = (): ArrivalLog => {
  if (!opened) throw new Error("the subscriber is not open");
  return opened;
};

const lookEveryMs = 20;
/** Once everything is here: a second copy would come a little later. */
const lingerMs = 300;

/** Lost connections show as lost messages: the session is clean, and nothing is taken up again. */
async function subscribe({
  url,
  username,
  password,
  filters,
  population,
}: calls.SubscriberOptions): Promise<ArrivalLog> {
  const credentials = username === undefined ? {} : { username, password: password ?? "" };
  const client = await connectAsync(url, { ...credentials, clean: true, reconnectPeriod: 0 }, false);
  const arrivals = createArrivalLog(population);
  client.on("message", (topic, body) => arrivals.arrived(topic, body, sharedUs()));
  client.on("error", () => {});
  await client.subscribeAsync([...filters], { qos: 1 });
  return arrivals;
}

function settled(arrivals: ArrivalLog, silenceMs: number): Promise<void> {
  return new Promise(resolve => {
    let seen = -1;
    let changedAtUs = sharedUs();
    const look = (): void => {
      const messages = arrivals.messages();
      if (messages !== seen) changedAtUs = sharedUs();
      seen = messages;
      const quietMs = (sharedUs() - changedAtUs) / 1000;
      if (quietMs < (arrivals.isComplete() ? lingerMs : silenceMs)) setTimeout(look, lookEveryMs);
      else resolve();
    };
    look();
  });
}

serveCalls([
  handler(calls.openSubscriber, async options => {
    opened = await subscribe(options);
    return {};
  }),
  handler(calls.expectRun, expectation => {
    log().expect(expectation);
    cpuBeforeUs = cpuTimeUs();
    return {};
  }),
  handler(calls.awaitRun, async ({ silenceMs }) => {
    await settled(log(), silenceMs);
    return {};
  }),
  handler(calls.reportArrivals, () => ({ ...log().report(), cpuUs: cpuTimeUs() - cpuBeforeUs })),
]);
