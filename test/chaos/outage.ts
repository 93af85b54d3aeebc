import type { Integration } from "../../app-server/integration-ports.ts";
import { createRandom } from "../../simulators/random.ts";
import { startDeliveryRig, usualLimits } from "../app-server/support/delivery.ts";
import { randomDevEui } from "../app-server/support/fixtures.ts";
import type { Received } from "../contracts/sink.ts";
import type { OutageReceiver, OutageSink } from "./outage-receiver.ts";

export interface OutageOptions {
  readonly sinks: readonly OutageSink[];
  /** Whether all receivers are away at the same time, or one half of them and then the other. */
  readonly atOnce: "all" | "half";
  /** Whether events go on coming while what has waited goes out. */
  readonly goesOn: boolean;
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
  /** How many events its server itself has in the end, where that can be asked apart from what arrived. */
  readonly holds?: number;
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

  got({ devEui, fCnt }: Received): void {
    const next = this.#next.get(devEui) ?? 0;
    if (fCnt < next) {
      this.again += 1;
      return;
    }
    this.leftOut += fCnt - next;
    this.arrived += 1;
    this.#next.set(devEui, fCnt + 1);
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
const tellMs = 60_000;
const beganAtMs = Date.parse("2026-03-14T09:26:53.589Z");

function halvesOf(lanes: readonly Lane[], seed: number): readonly (readonly Lane[])[] {
  const random = createRandom(seed);
  const shuffled = lanes.map(lane => ({ lane, at: random.next() })).sort((one, other) => one.at - other.at);
  const half = Math.ceil(shuffled.length / 2);
  return [shuffled.slice(0, half), shuffled.slice(half)].map(part => part.map(({ lane }) => lane));
}

/**
 * Sends events to all sinks at once, while the receivers of all of them are away, or of one half and then of the other, until
 * everything has arrived, or has not within ten times the outage.
 */
export async function runOutage(options: OutageOptions): Promise<OutageReport> {
  const { sinks, atOnce, goesOn, seed, eventsPerSecond, awayMs, betweenMs, progress } = options;
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
    const load = startLoad(options, (devEui, fCnt) => {
      // A database of time series has one event of a device at one time.
      const time = new Date(beganAtMs + fCnt).toISOString();
      return engine.sink.deliver(rig.up(devEui, fCnt, { time }));
    });
    ends.unshift(load.stop);
    // Of what was sent: counting a queue of millions takes its part of the machine.
    const waitingOf = ({ tally }: Lane): number => load.sent() - tally.arrived;
    const readAll = async (): Promise<void> => {
      for (const { receiver, tally, isAway } of lanes) {
        if (!isAway) for (const received of await receiver.read()) tally.got(received);
      }
    };
    const tell = (): void => {
      const perLane = lanes.map(lane => `${lane.kind} ${lane.tally.arrived} (${waitingOf(lane)} wait)`);
      progress(`${load.sent()} sent; ${perLane.join(", ")}`);
    };
    let toldAt = startedAt;
    /** Reads while time passes, or until a condition holds. */
    const during = async (ms: number, isOver: () => Promise<boolean> = async () => false): Promise<void> => {
      const endAt = performance.now() + ms;
      while (performance.now() < endAt && !(await isOver())) {
        await readAll();
        await pause(readMs);
        if (performance.now() - toldAt < tellMs) continue;
        toldAt = performance.now();
        tell();
      }
    };
    await during(betweenMs);
    for (const away of atOnce === "all" ? [lanes] : halvesOf(lanes, seed)) {
      progress(`${away.map(({ kind }) => kind).join(", ")} away`);
      await Promise.all(
        away.map(async lane => {
          lane.isAway = true;
          await lane.receiver.stop();
        }),
      );
      await during(awayMs);
      for (const lane of lanes) {
        if (lane.isAway) lane.waited = waitingOf(lane);
        else lane.waitedWhileOthersAway = waitingOf(lane);
      }
      if (!goesOn) await load.stop();
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
          if (waitingOf(lane) <= (goesOn ? 2 * eventsPerSecond : 0))
            lane.caughtUpMs = Math.round(performance.now() - backAt);
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
    tell();
    const reports = lanes.map(async ({ kind, id, receiver, tally, waited, caughtUpMs, waitedWhileOthersAway }) => ({
      kind,
      arrived: tally.arrived,
      again: tally.again,
      leftOut: tally.leftOut,
      deadLetters: (await rig.desk.state(id)).deadLetters,
      ...(receiver.holds && { holds: await receiver.holds() }),
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
