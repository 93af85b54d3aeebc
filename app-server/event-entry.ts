import type { DevEui } from "../lorawan/ids.ts";
import type { Log } from "../platform/log.ts";
import type { Metrics } from "../platform/metrics.ts";
import type { EventPosition, LoggedEvent } from "../platform/state/store.ts";
import { parseNetworkEvent } from "./event-record.ts";
import type { ApplicationEvent, DeviceDirectory } from "./ports.ts";
import { applicationEvents, type EventTools } from "./uplink.ts";

/** Rejects when a tool or the directory cannot answer now. */
export type DecodeEvent = (record: LoggedEvent) => Promise<readonly ApplicationEvent[]>;

/** One record of the event log, and what applications get for it: made when the first sink asks, once for all of them. */
export class EventEntry {
  readonly position: EventPosition;
  readonly devEui: DevEui;
  readonly #decode: DecodeEvent;
  /** The record, and then what was made of it: that waits for the slowest sink, and the record need not. */
  #content: LoggedEvent | Promise<readonly ApplicationEvent[]>;

  constructor(record: LoggedEvent, decode: DecodeEvent) {
    this.position = record.position;
    this.devEui = record.devEui;
    this.#content = record;
    this.#decode = decode;
  }

  /** A failure is not remembered: whoever asks again tries again. */
  events(): Promise<readonly ApplicationEvent[]> {
    if (this.#content instanceof Promise) return this.#content;
    const record = this.#content;
    const events = this.#decode(record);
    events.catch(() => {
      this.#content = record;
    });
    this.#content = events;
    return events;
  }
}

export interface DecoderOptions extends EventTools {
  readonly directory: DeviceDirectory;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Records that no application may have become no events; they are counted and logged. */
export function createEventDecoder(options: DecoderOptions): DecodeEvent {
  const { directory, log, metrics } = options;
  const skip = (record: LoggedEvent, reason: "malformed" | "unknown_device" | "unknown_application") => {
    metrics.eventsSkipped.inc({ reason });
    log.warn({ devEui: record.devEui, position: record.position, reason }, "event record skipped");
    return [];
  };
  return async record => {
    const event = record.source ?? parseNetworkEvent(record.value);
    if (event === undefined || event.devEui !== record.devEui) return skip(record, "malformed");
    const device = await directory.device(event.devEui);
    if (device === undefined) return skip(record, "unknown_device");
    if (device.info.applicationId === event.applicationId) return applicationEvents(event, device, options);
    // The device has moved since, or memory here is behind: what was said in an application is that application's. The same
    // DevEUI may also have been deleted and added elsewhere, and another tenant must not get what was sent before.
    const then = await directory.deviceIn(event.applicationId, event.devEui);
    return then === undefined ? skip(record, "unknown_application") : applicationEvents(event, then, options);
  };
}
