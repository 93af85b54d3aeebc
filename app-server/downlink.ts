import { randomUUID } from "node:crypto";
import Type from "typebox";
import Value from "typebox/value";
import type { DevAddr, DevEui } from "../lorawan/ids.ts";
import type { Clock } from "../platform/clock.ts";
import { createSerial } from "../platform/serial.ts";
import type { QueueItem } from "../platform/state/queue-item.ts";
import type { QueueEntry, StateStore } from "../platform/state/store.ts";
import {
  type EncryptionTools,
  encryptedElsewhere,
  encryptedHere,
  sessionAfterWaiting,
  type WaitingPayload,
} from "./downlink-encryption.ts";
import type {
  AppSKeyVault,
  CodecSandbox,
  DeviceDirectory,
  DirectoryDevice,
  DownlinkQueue,
  DownlinkRequest,
  EnqueueOutcome,
  NetworkControl,
  OwnDownlinks,
} from "./ports.ts";
import { twinItemPrefix } from "./twin-ports.ts";

export interface DownlinkQueueOptions {
  readonly store: Pick<StateStore, "queue" | "enqueue" | "removeQueued" | "reorderQueue" | "flushQueue">;
  readonly directory: Pick<DeviceDirectory, "device">;
  readonly network: Pick<NetworkControl, "session" | "downlinkSession" | "mostPayload">;
  readonly vault: AppSKeyVault;
  readonly sandbox: CodecSandbox;
  readonly clock: Clock;
  /** Items that may wait for one device; 64. */
  readonly maxEntries?: number;
}

type Refusal = Extract<EnqueueOutcome, { kind: "refused" }>;
type Payload = { readonly kind: "payload"; readonly fPort: number; readonly bytes: Uint8Array } | Refusal;

/** The largest N of any region and data rate (RP002-1.0.4 2): what no device can ever receive. */
const largestPayload = 242;

const queueItemSchema = Type.Object({
  id: Type.String(),
  fPort: Type.Integer(),
  confirmed: Type.Boolean(),
  data: Type.String(),
  encrypted: Type.Optional(
    Type.Object({
      fCntDown: Type.Integer(),
      devAddr: Type.Unsafe<DevAddr>(Type.String({ pattern: "^[0-9a-f]{8}$" })),
      later: Type.Optional(Type.Array(Type.Object({ fCntDown: Type.Integer(), data: Type.String() }))),
    }),
  ),
  enqueuedAtMs: Type.Number(),
  expiresAtMs: Type.Optional(Type.Number()),
  sent: Type.Optional(Type.Object({ fCntDown: Type.Number(), atMs: Type.Number(), attempts: Type.Number() })),
});

/** Checks downlinks before they wait: a payload that cannot be sent is refused here, with a reason, and not by silence. */
export function createDownlinkQueue(options: DownlinkQueueOptions): DownlinkQueue & OwnDownlinks {
  const { store, directory, network, vault, maxEntries = 64 } = options;
  const waiting = async (devEui: DevEui) =>
    (await store.queue(devEui)).map(itemFrom).filter(item => item !== undefined);
  const tools: EncryptionTools = { network, vault, waiting };
  // What is encrypted for a device takes one counter after another.
  const devices = createSerial<DevEui>();
  const enqueue = async (devEui: DevEui, request: DownlinkRequest, put: PutItem): Promise<EnqueueOutcome> => {
    const device = await directory.device(devEui);
    if (device === undefined) return refused("unknown_device", `there is no device ${devEui}`);
    const payload = checkTimes(request, options.clock) ?? (await payloadOf(request, device, options.sandbox));
    if (payload.kind === "refused") return payload;
    const fits = await checkSize(devEui, payload.bytes.length, options.network);
    if (fits !== undefined) return fits;
    return devices.run(devEui, async () => {
      const sealed = await waitingPayload(devEui, request, payload.bytes, tools);
      if (sealed.kind === "refused") return sealed;
      return put(devEui, itemOf(request, payload.fPort, sealed, options.clock), options);
    });
  };
  return {
    maxEntries,
    async enqueue(devEui, request) {
      if (request.id?.startsWith(twinItemPrefix)) return refused("invalid", `id does not begin with ${twinItemPrefix}`);
      return enqueue(devEui, request, enqueueItem);
    },
    enqueueAlone: (devEui, request) => enqueue(devEui, request, enqueueOwnItem),
    nextFCntDown: devEui => sessionAfterWaiting(devEui, tools),
    list: waiting,
    remove: (devEui, id) => store.removeQueued(devEui, id),
    reorder: (devEui, ids) =>
      devices.run(devEui, async () => {
        const named = (await waiting(devEui)).filter(({ id }) => ids.includes(id));
        const fixed = named.find(({ sent, encrypted }) => sent !== undefined || encrypted !== undefined);
        if (fixed?.sent !== undefined) return { kind: "refused", message: `${fixed.id} was sent already` };
        if (fixed !== undefined) return { kind: "refused", message: `${fixed.id} is encrypted for its place` };
        await store.reorderQueue(devEui, ids);
        return { kind: "reordered", items: await waiting(devEui) };
      }),
    flush: devEui => store.flushQueue(devEui),
  };
}

function checkTimes({ id, expiresAtMs }: DownlinkRequest, clock: Clock): Refusal | undefined {
  if (id !== undefined && !/^[\x21-\x7e]{1,128}$/.test(id)) {
    return refused("invalid", "id is 1 to 128 printable characters without spaces");
  }
  if (expiresAtMs === undefined) return undefined;
  if (!Number.isFinite(expiresAtMs)) return refused("invalid", "expiresAt is no time");
  return expiresAtMs <= clock.nowMs() ? refused("invalid", "expiresAt is in the past") : undefined;
}

const waitingPayload = (devEui: DevEui, { encrypted }: DownlinkRequest, bytes: Uint8Array, tools: EncryptionTools) =>
  encrypted === undefined
    ? encryptedHere(devEui, bytes, tools)
    : encryptedElsewhere(devEui, bytes, encrypted.fCntDown, tools);

async function payloadOf(request: DownlinkRequest, device: DirectoryDevice, sandbox: CodecSandbox): Promise<Payload> {
  const { fPort, data, object, encrypted } = request;
  if (encrypted !== undefined && data === undefined) return refused("invalid", "what is encrypted is given as data");
  if ((data === undefined) === (object === undefined)) return refused("invalid", "give either data or object");
  if (data !== undefined) {
    const bytes = bytesOf(data);
    if (bytes === undefined) return refused("invalid", "data is not base64");
    return checkPort(fPort) ?? { kind: "payload", fPort, bytes };
  }
  const { codec, variables, info } = device;
  const { tenantId: scope, tags } = info;
  const outcome = await sandbox.encode(codec, { fPort, object: object ?? {}, variables, tags, scope });
  if (outcome.kind === "failed") return refused("codec", outcome.message);
  const chosen = outcome.fPort ?? fPort;
  return checkPort(chosen) ?? { kind: "payload", fPort: chosen, bytes: outcome.bytes };
}

/** TS001-1.0.4 4.3.2: 0 is the network's, 224 the certification protocol's, above it reserved. */
function checkPort(fPort: number): Refusal | undefined {
  const usable = Number.isInteger(fPort) && fPort >= 1 && fPort <= 224;
  return usable ? undefined : refused("invalid", "fPort is 1 to 223, or 224 for certification");
}

/** Either base64 alphabet, with padding or without; undefined for anything else. */
function bytesOf(data: string): Uint8Array | undefined {
  const plain = data.replace(/={1,2}$/, "");
  if (!/^[A-Za-z0-9+/_-]*$/.test(plain) || plain.length % 4 === 1) return undefined;
  return Buffer.from(plain, "base64");
}

/** A payload that may fit at a faster data rate is refused as well: it would be dropped when its turn comes. */
async function checkSize(
  devEui: DevEui,
  length: number,
  network: Pick<NetworkControl, "session" | "mostPayload">,
): Promise<Refusal | undefined> {
  if (length > largestPayload) return refused("too_long", `${length} bytes; no device receives over ${largestPayload}`);
  const session = await network.session(devEui);
  if (session !== undefined && length <= session.maxPayload) return undefined;
  const most = await network.mostPayload(devEui);
  if (most !== undefined && length > most) {
    return refused(
      "too_long",
      `${length} bytes; this device receives ${most} at the fastest data rate that it may use`,
    );
  }
  if (session === undefined) return undefined;
  return refused("too_long", `${length} bytes; this device receives ${session.maxPayload} at its data rate now`);
}

function itemOf(request: DownlinkRequest, fPort: number, payload: WaitingPayload, clock: Clock): QueueItem {
  return {
    id: request.id ?? randomUUID(),
    fPort,
    confirmed: request.confirmed,
    data: Buffer.from(payload.bytes).toString("base64"),
    ...(payload.encrypted && { encrypted: payload.encrypted }),
    enqueuedAtMs: clock.nowMs(),
    ...(request.expiresAtMs === undefined ? {} : { expiresAtMs: request.expiresAtMs }),
  };
}

type PutItem = (devEui: DevEui, item: QueueItem, options: DownlinkQueueOptions) => Promise<EnqueueOutcome>;

const entryOf = (item: QueueItem): QueueEntry => ({ id: item.id, value: Buffer.from(JSON.stringify(item)) });

const enqueueItem: PutItem = async (devEui, item, { store, maxEntries = 64 }) => {
  const entry = entryOf(item);
  if (await store.enqueue(devEui, entry, maxEntries)) return { kind: "enqueued", id: item.id };
  const waiting = await store.queue(devEui);
  if (waiting.some(({ id }) => id === item.id)) {
    return refused("duplicate_id", `an item with the id ${item.id} is waiting already`);
  }
  // A downlink of the server's own takes no place away from the application.
  const own = waiting.filter(({ id }) => id.startsWith(twinItemPrefix)).length;
  if (own > 0 && (await store.enqueue(devEui, entry, maxEntries + own))) return { kind: "enqueued", id: item.id };
  return refused("queue_full", `${maxEntries} items are waiting already`);
};

const enqueueOwnItem: PutItem = async (devEui, item, { store }) => {
  if (await store.enqueue(devEui, entryOf(item), 1)) return { kind: "enqueued", id: item.id };
  const waiting = await store.queue(devEui);
  return waiting.some(({ id }) => id === item.id)
    ? refused("duplicate_id", `an item with the id ${item.id} is waiting already`)
    : refused("queue_full", "others are waiting");
};

function itemFrom({ value }: QueueEntry): QueueItem | undefined {
  try {
    const item: unknown = JSON.parse(Buffer.from(value).toString("utf8"));
    return Value.Check(queueItemSchema, item) ? item : undefined;
  } catch {
    return undefined;
  }
}

const refused = (reason: Refusal["reason"], message: string): Refusal => ({ kind: "refused", reason, message });
