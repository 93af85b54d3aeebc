import { MalformedValue } from "../../lorawan/errors.ts";
import { type DevAddr, type DevEui, parseDevEui } from "../../lorawan/ids.ts";
import { StateStoreError } from "./errors.ts";
import { type EventPosition, type LoggedEvent, partitionCount, partitionOf } from "./store.ts";

const devAddrDigits = 8;
const devEuiDigits = 16;

/**
 * Names of keys. A hash tag puts what changes together into one slot of a cluster: 256 partitions, one slot for each
 * address, sixteen for the gateways.
 */
export function createKeys(prefix: string) {
  const partition = (number: number): string => `${prefix}{p${number.toString(16).padStart(2, "0")}}:`;
  const ofPartition = (number: number) => {
    const tag = partition(number);
    return {
      wakeUps: `${tag}wake`,
      log: `${tag}log`,
      /** Devices whose queue is not empty, by the number of their last enqueue. */
      waiting: `${tag}waiting`,
      enqueues: `${tag}enqueues`,
      cursors: `${tag}cursors`,
      lease: `${tag}lease`,
      channel: `${tag}news`,
    };
  };
  const partitions = Array.from({ length: partitionCount }, (_, number) => ofPartition(number));
  return {
    partitions,
    partition: (number: number) => partitions[number] ?? ofPartition(number),
    device: (devEui: DevEui) => {
      const tag = partition(partitionOf(devEui));
      return {
        document: `${tag}d:${devEui}`,
        order: `${tag}o:${devEui}`,
        values: `${tag}v:${devEui}`,
        intents: `${tag}i:${devEui}`,
        recent: `${tag}r:${devEui}`,
      };
    },
    ofDevice: (devEui: DevEui) => partitions[partitionOf(devEui)] ?? ofPartition(partitionOf(devEui)),
    address: (devAddr: string): string => `${prefix}{a${devAddr}}`,
    gateways: (digit: string): string => `${prefix}{g${digit}}`,
    /** Pattern of the names of all documents. */
    documents: `${prefix.replace(/[\\*?[\]]/g, "\\$&")}{p??}:d:*`,
    devEuiOf: (document: string): string => document.slice(-devEuiDigits),
    /** The count of losses that the index was last checked after. */
    indexChecked: `${prefix}index-checked`,
    indexLease: `${prefix}index-lease`,
    format: `${prefix}format`,
    /** Run ids of the servers, and how often something may have been lost. */
    runs: `${prefix}runs`,
  };
}

export type Keys = ReturnType<typeof createKeys>;

export const corrupt = (what: string): StateStoreError =>
  new StateStoreError("state_corrupt", `A stored ${what} is not what the store writes.`);

export interface StoredDocument {
  readonly version: number;
  /** Address and the token of the commit that added it, run together. */
  readonly addresses: readonly string[];
  readonly value: Uint8Array;
}

const semicolon = 0x3b;

/** `version;addresses;value`, the addresses separated by commas. */
export function decodeDocument(record: Buffer): StoredDocument {
  const first = record.indexOf(semicolon);
  const second = record.indexOf(semicolon, first + 1);
  if (first < 1 || second < 0) throw corrupt("device");
  const listed = record.toString("latin1", first + 1, second);
  return {
    version: Number(record.toString("latin1", 0, first)),
    addresses: listed === "" ? [] : listed.split(","),
    value: new Uint8Array(record.subarray(second + 1)),
  };
}

export const splitAddress = (entry: string): { readonly devAddr: string; readonly token: string } => ({
  devAddr: entry.slice(0, devAddrDigits),
  token: entry.slice(devAddrDigits),
});

/** A member of an address's set: the device, and the token of the commit that made it reachable there. */
export const splitMember = (member: string): { readonly devEui: DevEui; readonly token: string } => ({
  devEui: parseDevEui(member.slice(0, devEuiDigits)),
  token: member.slice(devEuiDigits),
});

export const addressedBy = ({ addresses }: StoredDocument, devAddr: DevAddr): boolean =>
  addresses.some(entry => entry.startsWith(devAddr));

/** A stream's `milliseconds-sequence` in fixed widths, so that positions sort as text. */
export function positionOf(streamId: string): EventPosition {
  const [milliseconds = "", sequence = ""] = streamId.split("-");
  return `${milliseconds.padStart(15, "0")}-${sequence.padStart(10, "0")}`;
}

/** Throws MalformedValue for a text that this store never gave out. */
export function streamPointOf(position: EventPosition): { readonly milliseconds: number; readonly sequence: number } {
  if (!/^\d{15}-\d{10}$/.test(position)) throw new MalformedValue("an event position is 15 digits, a dash, 10 digits");
  return { milliseconds: Number(position.slice(0, 15)), sequence: Number(position.slice(16)) };
}

export function decodeEvent(id: Buffer, fields: readonly Buffer[]): LoggedEvent {
  const [, devEui, , value] = fields;
  if (devEui === undefined || value === undefined) throw corrupt("event");
  return {
    position: positionOf(id.toString("latin1")),
    devEui: parseDevEui(devEui.toString("latin1")),
    value: new Uint8Array(value),
  };
}

/** A reply that is a list of texts. */
export function textsOf(reply: unknown): readonly string[] {
  if (!Array.isArray(reply)) throw corrupt("reply");
  return reply.map(String);
}

export function buffersOf(reply: unknown): readonly Buffer[] {
  if (!Array.isArray(reply)) throw corrupt("reply");
  return reply.map((each: unknown) => {
    if (!Buffer.isBuffer(each)) throw corrupt("reply");
    return each;
  });
}

export function checkPartition(partition: number): void {
  if (!Number.isInteger(partition) || partition < 0 || partition >= partitionCount) {
    throw new MalformedValue(`a partition is a number from 0 to ${partitionCount - 1}`);
  }
}
