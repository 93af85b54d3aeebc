import Type, { type Static } from "typebox";
import Value from "typebox/value";
import { type DevEui, parseDevEui } from "../lorawan/ids.ts";
import type { Clock } from "../platform/clock.ts";
import type { Metrics } from "../platform/metrics.ts";
import type { LogCode } from "../platform/state/network-event.ts";
import type {
  ApplicationCommands,
  ApplicationEvent,
  CommandOutcome,
  DeviceDirectory,
  DeviceInfo,
  DownlinkQueue,
  DownlinkRequest,
  EnqueueOutcome,
} from "./ports.ts";
import { errorLogEvent } from "./uplink.ts";

export interface ApplicationCommandsOptions {
  readonly queue: DownlinkQueue;
  readonly directory: Pick<DeviceDirectory, "device">;
  /** Told of each refusal of a command for a device that exists. */
  readonly onRefused?: (answer: ApplicationEvent) => void;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

const maxBodyBytes = 64 * 1024;

const optional = <Schema extends Type.TSchema>(schema: Schema) => Type.Optional(Type.Union([schema, Type.Null()]));
const commandSchema = Type.Object({
  id: optional(Type.String()),
  devEui: optional(Type.String()),
  confirmed: optional(Type.Boolean()),
  fPort: Type.Integer(),
  data: optional(Type.String()),
  object: optional(Type.Record(Type.String(), Type.Unknown())),
  expiresAt: optional(Type.String()),
  isEncrypted: optional(Type.Boolean()),
  fCntDown: optional(Type.Integer({ minimum: 0, maximum: 0xffffffff })),
});
type Command = Static<typeof commandSchema>;

/** The members that are spelt in two ways; the protobuf JSON mapping accepts both. */
const camelCase: Readonly<Record<string, string>> = {
  dev_eui: "devEui",
  f_port: "fPort",
  expires_at: "expiresAt",
  is_encrypted: "isEncrypted",
  f_cnt_down: "fCntDown",
};

type Parsed =
  | { readonly kind: "request"; readonly request: DownlinkRequest }
  | { readonly kind: "malformed"; readonly message: string; readonly id?: string };

/** Turns `command/down` messages into queued downlinks; see docs/mqtt.md for their JSON. */
export function createApplicationCommands(options: ApplicationCommandsOptions): ApplicationCommands {
  const { queue, directory, clock, metrics, onRefused = () => undefined } = options;

  const refuse = (message: string, reason: string, info?: DeviceInfo, code: LogCode = "DOWNLINK_CODEC", id = "") => {
    metrics.commandsRefused.inc({ reason });
    const context = { reason, queue_item_id: id };
    const time = new Date(clock.nowMs()).toISOString();
    const outcome: CommandOutcome = { kind: "refused", message };
    if (info === undefined) return outcome;
    const answer = errorLogEvent(info, time, code, message, context);
    onRefused(answer);
    return { ...outcome, answer };
  };

  return {
    async down(applicationId, devEuiText, body) {
      const devEui = devEuiOf(devEuiText);
      const device = devEui === undefined ? undefined : await directory.device(devEui);
      // A device of another application is as unknown here as one that does not exist, and is told nothing.
      if (devEui === undefined || device === undefined || device.info.applicationId !== applicationId) {
        return refuse("no such device in this application", "unknown_device");
      }
      const parsed = parseCommand(devEui, body);
      if (parsed.kind === "malformed") return refuse(parsed.message, "malformed", device.info, undefined, parsed.id);
      const outcome = await queue.enqueue(devEui, parsed.request);
      if (outcome.kind === "enqueued") return outcome;
      const { message, reason } = outcome;
      return refuse(message, reason, device.info, codeOf(outcome, parsed.request, clock), parsed.request.id);
    },
  };
}

function codeOf({ reason }: EnqueueOutcome & { kind: "refused" }, request: DownlinkRequest, clock: Clock): LogCode {
  if (reason === "too_long") return "DOWNLINK_PAYLOAD_SIZE";
  if (reason === "not_encrypted" || reason === "f_cnt_down") return "F_CNT_DOWN";
  if (reason === "invalid" && (request.expiresAtMs ?? Number.POSITIVE_INFINITY) <= clock.nowMs()) return "EXPIRED";
  return "DOWNLINK_CODEC";
}

function parseCommand(devEui: DevEui, body: Uint8Array): Parsed {
  const record = body.length <= maxBodyBytes ? recordOf(body) : undefined;
  if (record === undefined) return { kind: "malformed", message: "the command is not a JSON object" };
  const command = Object.fromEntries(Object.entries(record).map(([name, value]) => [camelCase[name] ?? name, value]));
  if (!Value.Check(commandSchema, command)) {
    const [first] = Value.Errors(commandSchema, command);
    const where = first === undefined ? "" : `: ${first.instancePath || "/fPort"} ${first.message}`;
    return { kind: "malformed", message: `the command does not have the right members${where}` };
  }
  return requestOf(devEui, command);
}

function requestOf(devEui: DevEui, command: Command): Parsed {
  const id = command.id || undefined;
  const named = id === undefined ? {} : { id };
  if (command.devEui && devEuiOf(command.devEui) !== devEui) {
    return { kind: "malformed", message: "devEui is not the device of the topic", ...named };
  }
  const expiresAtMs = command.expiresAt ? Date.parse(command.expiresAt) : undefined;
  if (expiresAtMs !== undefined && Number.isNaN(expiresAtMs)) {
    return { kind: "malformed", message: "expiresAt is no RFC 3339 time", ...named };
  }
  if (command.isEncrypted && typeof command.fCntDown !== "number") {
    return { kind: "malformed", message: "what is encrypted has the fCntDown that it is encrypted for", ...named };
  }
  // Clients that fill every member send an empty `data` along with an object.
  const data = command.object && !command.data ? undefined : (command.data ?? undefined);
  const request: DownlinkRequest = {
    ...named,
    fPort: command.fPort,
    confirmed: command.confirmed ?? false,
    ...(data === undefined ? {} : { data }),
    ...(command.object ? { object: command.object } : {}),
    ...(command.isEncrypted ? { encrypted: { fCntDown: command.fCntDown ?? 0 } } : {}),
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
  };
  return { kind: "request", request };
}

function recordOf(body: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(body).toString("utf8"));
    return Value.Check(Type.Record(Type.String(), Type.Unknown()), value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function devEuiOf(text: string): DevEui | undefined {
  try {
    return parseDevEui(text);
  } catch {
    return undefined;
  }
}
