import Type from "typebox";
import Value from "typebox/value";
import { type Percentiles, percentilesOf } from "./percentiles.ts";

export interface ExpectedUplink {
  readonly devEui: string;
  readonly fCnt: number;
  readonly fPort: number;
  readonly payload: Uint8Array;
  /** Wall clock at the end of the first transmission that a gateway heard. */
  readonly heardAtMs: number;
}

export interface DeliveryReport {
  readonly expected: number;
  /** Expected ones that came, each once. */
  readonly delivered: number;
  /** Second copies of what came before. */
  readonly duplicates: number;
  /** Uplinks of these devices that were never sent like this: another counter, port or payload. */
  readonly unexpected: number;
  /** DevEUI and counter of the first hundred. */
  readonly missing: readonly string[];
  readonly missingCount: number;
  /** From the end of the frame on the air to the event's arrival. */
  readonly latencyMs: Percentiles;
}

export interface DeliveryCheck {
  expect(uplink: ExpectedUplink): void;
  /** The JSON text of an `up` event. */
  arrived(text: string, atMs: number): void;
  /** Nothing is missing any more. */
  isComplete(): boolean;
  report(): DeliveryReport;
}

const eventSchema = Type.Object({
  deviceInfo: Type.Object({ devEui: Type.String() }),
  fCnt: Type.Integer(),
  fPort: Type.Optional(Type.Integer()),
  data: Type.Optional(Type.String()),
});

const listed = 100;

interface Entry {
  readonly name: string;
  heardAtMs: number | undefined;
  arrivedAtMs: number | undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Compares what gateways heard with what applications got. An event may overtake the news of its own radio frame. */
export function createDeliveryCheck(devEuis: ReadonlySet<string>): DeliveryCheck {
  // The payload is part of the key: a session that starts again has the same counters, and a wrong key shows.
  const entries = new Map<string, Entry>();
  let duplicates = 0;
  let unreadable = 0;
  const entryOf = (devEui: string, fCnt: number, fPort: number, data: string): Entry => {
    const key = `${devEui} ${fCnt} ${fPort} ${data}`;
    const entry = entries.get(key) ?? { name: `${devEui} ${fCnt}`, heardAtMs: undefined, arrivedAtMs: undefined };
    entries.set(key, entry);
    return entry;
  };
  const missingEntries = (): readonly Entry[] =>
    [...entries.values()].filter(entry => entry.heardAtMs !== undefined && entry.arrivedAtMs === undefined);
  return {
    expect({ devEui, fCnt, fPort, payload, heardAtMs }) {
      const entry = entryOf(devEui, fCnt, fPort, Buffer.from(payload).toString("base64"));
      entry.heardAtMs ??= heardAtMs;
    },
    arrived(text, atMs) {
      const event = parseJson(text);
      if (!Value.Check(eventSchema, event)) {
        unreadable += 1;
        return;
      }
      const { deviceInfo, fCnt, fPort = 0, data = "" } = event;
      // Frames without application data are the device's own affair.
      if (fPort === 0 || !devEuis.has(deviceInfo.devEui)) return;
      const entry = entryOf(deviceInfo.devEui, fCnt, fPort, data);
      if (entry.arrivedAtMs === undefined) entry.arrivedAtMs = atMs;
      else duplicates += 1;
    },
    isComplete: () => missingEntries().length === 0,
    report() {
      const all = [...entries.values()];
      const missing = missingEntries();
      const latencies = all.flatMap(({ heardAtMs, arrivedAtMs }) =>
        heardAtMs === undefined || arrivedAtMs === undefined ? [] : [arrivedAtMs - heardAtMs],
      );
      return {
        expected: latencies.length + missing.length,
        delivered: latencies.length,
        duplicates,
        unexpected: unreadable + all.filter(({ heardAtMs }) => heardAtMs === undefined).length,
        missing: missing.slice(0, listed).map(({ name }) => name),
        missingCount: missing.length,
        latencyMs: percentilesOf(latencies),
      };
    },
  };
}
