import type { Integration } from "../../app-server/integration-ports.ts";
import { createRandom } from "../../simulators/random.ts";
import { startDeliveryRig, usualLimits } from "../app-server/support/delivery.ts";
import { randomDevEui } from "../app-server/support/fixtures.ts";
import type { OutageReceiver, OutageSink } from "./outage-receivers.ts";

export interface OutageOptions {
  readonly sinks: readonly OutageSink[];
  /** Whose receivers are away first; 1. */
  readonly seed: number;
  readonly eventsPerSecond: number;
  readonly devices: number;
  /** Each receiver is away for so long. */
  readonly awayMs: number;
  /** So long before, and between, everything is there. */
  readonly betweenMs: number;
  readonly progress: (text: string) => void;
}

/** What one sink's receiver got. */
export interface SinkReport {
  readonly kind: string;
  readonly arrived: number;
  /** Second copies. */
  readonly again: number;
  /** Left out before a later one of the same device. */
  readonly leftOut: number;
  readonly deadLetters: number;
  /** Waiting when its receiver came back, and how long until nothing was. */
  readonly waited: number;
  readonly caughtUpMs: number;
  /** Waiting at the end of the others' outage, with its own receiver there. */
  readonly waitedWhileOthersAway: number;
}

export interface OutageReport {
  readonly sent: number;
  readonly durationMs: number;
  readonly sinks: readonly SinkReport[];
}

/** First copies of each device, which must come in order. */
class Tally {
  readonly #next = new Map<string, number>();
  arrived = 0;
  again = 0;
  leftOut = 0;

  got(body: string): void {
    const { deviceInfo, fCnt }: { deviceInfo: { devEui: string }; fCnt: number } = JSON.parse(body);
    const next = this.#next.get(deviceInfo.devEui) ?? 0;
    if (fCnt < next) {
      this.again += 1;
      return;
    }
    this.leftOut += fCnt - next;
    this.arrived += 1;
    this.#next.set(deviceInfo.devEui, fCnt + 1);
  }
}

interface Lane {
  readonly kind: string;
  readonly id: Integration["id"];
  readonly receiver: OutageReceiver;
  readonly tally: Tally;
  waited: number;
  caughtUpMs: number;
  waitedWhileOthersAway: number;
  isAway: boolean;
}

const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, ms));
const readMs = 100;

/**
 * Sends events to all sinks at once, while the receivers of one half of them are away and then those of the other half, until
 * everything has arrived, or has not within ten times the outage.
 */
export async function runOutage(options: OutageOptions): Promise<OutageReport> {
  const { sinks, seed, eventsPerSecond, awayMs, betweenMs, progress } = options;
  const rig = await startDeliveryRig(sinks.map(({ kind }) => kind));
  const opened: OutageReceiver[] = [];
  const ends: (() => Promise<void>)[] = [() => rig.end()];
  const startedAt = performance.now();
  try {
    const lanes: Lane[] = [];
    for (const { kind, open } of sinks) {
      const receiver = await open();
      opened.push(receiver);
      ends.unshift(() => receiver.close());
      const limits = { ...usualLimits, maxMessages: 10_000_000, maxMegabytes: 100_000 };
      const { id } = await rig.add(kind.kind, receiver.settings, receiver.secrets, { limits });
      lanes.push({
        kind: kind.kind,
        id,
        receiver,
        tally: new Tally(),
        waited: 0,
        caughtUpMs: 0,
        waitedWhileOthersAway: 0,
        isAway: false,
      });
    }
    const engine = await rig.startEngine();
    const load = startLoad(options, (devEui, fCnt) => engine.sink.deliver(rig.up(devEui, fCnt)));
    ends.unshift(load.stop);
    const waitingOf = async ({ id }: Lane): Promise<number> => (await rig.desk.state(id)).queue.messages;
    const readAll = async (): Promise<void> => {
      for (const { receiver, tally, isAway } of lanes) {
        if (!isAway) for (const body of await receiver.read()) tally.got(body);
      }
    };
    /** Reads while time passes, or until a condition holds. */
    const during = async (ms: number, isOver: () => Promise<boolean> = async () => false): Promise<void> => {
      const endAt = performance.now() + ms;
      while (performance.now() < endAt && !(await isOver())) {
        await readAll();
        await pause(readMs);
      }
    };
    await during(betweenMs);
    const random = createRandom(seed);
    const shuffled = lanes.map(lane => ({ lane, at: random.next() })).sort((one, other) => one.at - other.at);
    const half = Math.ceil(shuffled.length / 2);
    for (const away of [shuffled.slice(0, half), shuffled.slice(half)].map(part => part.map(({ lane }) => lane))) {
      progress(`${away.map(({ kind }) => kind).join(", ")} away`);
      await Promise.all(
        away.map(async lane => {
          lane.isAway = true;
          await lane.receiver.stop();
        }),
      );
      await during(awayMs);
      for (const lane of lanes) {
        if (lane.isAway) lane.waited = await waitingOf(lane);
        else lane.waitedWhileOthersAway = await waitingOf(lane);
      }
      const backAt = performance.now();
      await Promise.all(
        away.map(async lane => {
          await lane.receiver.start();
          lane.isAway = false;
        }),
      );
      const isCaughtUp = async (): Promise<boolean> => {
        for (const lane of away) {
          if (lane.caughtUpMs > 0) continue;
          if ((await waitingOf(lane)) <= 2 * eventsPerSecond) lane.caughtUpMs = Math.round(performance.now() - backAt);
        }
        return away.every(({ caughtUpMs }) => caughtUpMs > 0);
      };
      await during(10 * awayMs, isCaughtUp);
      progress(`${away.map(({ kind, waited, caughtUpMs }) => `${kind}: ${waited} in ${caughtUpMs} ms`).join(", ")}`);
      await during(betweenMs);
    }
    await load.stop();
    const isDone = async () => lanes.every(({ tally }) => tally.arrived >= load.sent());
    await during(10 * awayMs, isDone);
    // Second copies would come right behind.
    await during(5 * readMs);
    const reports = lanes.map(async ({ kind, id, tally, waited, caughtUpMs, waitedWhileOthersAway }) => ({
      kind,
      arrived: tally.arrived,
      again: tally.again,
      leftOut: tally.leftOut,
      deadLetters: (await rig.desk.state(id)).deadLetters,
      waited,
      caughtUpMs,
      waitedWhileOthersAway,
    }));
    const report = {
      sent: load.sent(),
      durationMs: Math.round(performance.now() - startedAt),
      sinks: await Promise.all(reports),
    };
    return report;
  } finally {
    for (const end of ends) await end();
  }
}

/** Events of the devices in turn, at a rate; one of a device after the other, as the event log does. */
function startLoad(
  { devices: count, eventsPerSecond }: OutageOptions,
  send: (devEui: ReturnType<typeof randomDevEui>, fCnt: number) => Promise<void>,
) {
  const devices = Array.from({ length: count }, () => ({ devEui: randomDevEui(), fCnt: 0, last: Promise.resolve() }));
  const startedAt = performance.now();
  let sent = 0;
  let underWay = 0;
  let isOver = false;
  const ended = (async () => {
    while (!isOver) {
      const due = Math.floor(((performance.now() - startedAt) / 1000) * eventsPerSecond);
      for (; sent < due && underWay < count; sent += 1) {
        const device = devices[sent % count];
        if (device === undefined) break;
        const { devEui, fCnt } = device;
        device.fCnt += 1;
        underWay += 1;
        device.last = device.last
          .then(() => send(devEui, fCnt))
          .finally(() => {
            underWay -= 1;
          });
      }
      await pause(5);
    }
    await Promise.all(devices.map(({ last }) => last));
  })();
  return {
    sent: () => sent,
    async stop(): Promise<void> {
      isOver = true;
      await ended;
    },
  };
}
