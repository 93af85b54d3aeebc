import Type, { type Static } from "typebox";
import { Compile } from "typebox/compile";
import { airtimeUs } from "../../lorawan/phy/airtime.ts";
import type { Modulation } from "../../lorawan/region/region.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Metrics } from "../../platform/metrics.ts";
import { type ApplicationEvent, bodyOf } from "../ports.ts";
import { type Twin, type TwinKeeper, type TwinObject, type TwinStore, twinItemPrefix } from "../twin-ports.ts";
import { afterReport, afterSent, type DeliveryPolicy } from "./delivery.ts";
import { bytesOf, documentFault, maxDocumentBytes, merge } from "./document.ts";

const uplink = Compile(
  Type.Object({
    deduplicationId: Type.String(),
    time: Type.String(),
    object: Type.Unsafe<TwinObject>(Type.Object({})),
  }),
);
const lora = Type.Object({ bandwidth: Type.Number(), spreadingFactor: Type.Integer() });
const Transmission = Type.Object({
  time: Type.String(),
  deviceInfo: Type.Object({ deviceClassEnabled: Type.String() }),
  queueItemId: Type.String(),
  txInfo: Type.Object({
    modulation: Type.Union([Type.Object({ lora }), Type.Object({ fsk: Type.Object({ datarate: Type.Number() }) })]),
  }),
});
const transmission = Compile(Transmission);

export interface ReportsOptions {
  readonly store: Pick<TwinStore, "change">;
  readonly policy: DeliveryPolicy;
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Twins were changed. */
  readonly onChanged: () => void;
}

/** One thing that an event says of a twin. */
type Note = (twin: Twin, options: ReportsOptions) => Twin;

/**
 * Takes what devices report from decoded uplinks, and that downlinks of twins were sent: each once, however often it comes.
 * Others' events cost a look at their kind.
 */
export function createReports(options: ReportsOptions): TwinKeeper {
  return {
    async keep(events) {
      const notes = events.flatMap(event => {
        const note = noteOf(event);
        return note === undefined ? [] : [{ devEui: event.devEui, note }];
      });
      if (notes.length === 0) return;
      const byDevice = Map.groupBy(notes, ({ devEui }) => devEui);
      const changed = await options.store.change([...byDevice.keys()], twin => {
        const next = (byDevice.get(twin.devEui) ?? []).reduce((so, { note }) => note(so, options), twin);
        return next === twin ? undefined : next;
      });
      if (changed.length > 0) options.onChanged();
    },
  };
}

function noteOf(event: ApplicationEvent): Note | undefined {
  if (event.kind === "up") return reportOf(bodyOf(event));
  if (event.kind === "txack") return sentOf(bodyOf(event));
  return undefined;
}

/** What was merged last is known by the ends of its identifiers, as many as can come again after a crash. */
const seenLength = 12;
const maxSeen = 16;

function reportOf(event: unknown): Note | undefined {
  if (!uplink.Check(event)) return undefined;
  const { deduplicationId, time, object } = event;
  const name = deduplicationId.slice(-seenLength);
  return (twin, options) => {
    if (twin.seen.includes(name)) return twin;
    const seen = [...twin.seen, name].slice(-maxSeen);
    const { reportFault: _fault, ...rest } = twin;
    const merged = merge(twin.reported, twin.reportedTimes, object, time, true);
    const fault = faultOf(object, merged.document);
    options.metrics.twinReports.inc({ result: fault === undefined ? "merged" : "left_out" });
    if (fault !== undefined) return { ...rest, seen, reportFault: fault };
    const next: Twin = {
      ...rest,
      seen,
      reported: merged.document,
      reportedTimes: merged.times,
      reportedVersion: twin.reportedVersion + Number(merged.isChanged),
    };
    return afterReport(twin, next, options.policy, options.clock.nowMs());
  };
}

function faultOf(object: TwinObject, document: TwinObject): string | undefined {
  const fault = documentFault(object);
  if (fault !== undefined) return `${fault.path}: ${fault.message}`;
  return bytesOf(document) > maxDocumentBytes ? `it would have more than ${maxDocumentBytes} bytes` : undefined;
}

function sentOf(event: unknown): Note | undefined {
  if (!transmission.Check(event) || !event.queueItemId.startsWith(twinItemPrefix)) return undefined;
  const { queueItemId: itemId, deviceInfo } = event;
  const atMs = Date.parse(event.time);
  if (Number.isNaN(atMs)) return undefined;
  return (twin, { policy }) => {
    // Told of a second time: the first has changed the state.
    if (twin.delivery.itemId !== itemId) return twin;
    const airtimeMs = airtimeOf(event, twin.delivery.itemBytes ?? 0);
    return afterSent(twin, { atMs, airtimeMs }, policy, deviceInfo.deviceClassEnabled === "CLASS_A");
  };
}

/** MHDR, FHDR without FOpts, FPort and MIC around the payload (TS001-1.0.4 4). */
const frameOverhead = 13;

function airtimeOf({ txInfo: { modulation } }: Static<typeof Transmission>, bytes: number): number {
  const how: Modulation =
    "lora" in modulation
      ? { kind: "lora", spreadingFactor: modulation.lora.spreadingFactor, bandwidthHz: modulation.lora.bandwidth }
      : { kind: "fsk", bitRate: modulation.fsk.datarate };
  return airtimeUs(how, Math.min(255, frameOverhead + bytes), { crc: false }) / 1000;
}
