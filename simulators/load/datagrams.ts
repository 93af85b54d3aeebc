import { identifiers } from "../gwmp.ts";

/** One channel's ready datagram of a gateway; only token, counter and frame differ from one to the next. */
interface Template {
  readonly bytes: Buffer;
  readonly counterAt: number;
  readonly dataAt: number;
}

export interface PushDataWriter {
  /**
   * A PUSH_DATA with one frame, in memory of its own.
   * @param frame base64 of the length that the writer was made for, as bytes
   */
  write(frame: Uint8Array, channel: number, token: number, counterUs: number): Buffer;
}

/** JSON allows blanks before a number, so that a counter of any length fits its place. */
const counterDigits = 10;
const protocolVersion = 2;

/**
 * Where devices of a load are. The region has no further channels that a server would tell them of, and no duty cycle that
 * would keep a gateway silent: what is measured is the server.
 */
export const loadRegion = { name: "IN865", revision: "RP002-1.0.4", macVersion: "1.0.4" } as const;
export const channelsHz = [865_062_500, 865_402_500, 865_985_000] as const;

export interface PushDataFields {
  readonly gatewayId: string;
  readonly frameBytes: number;
  readonly rssiDbm: number;
  readonly snrDb: number;
}

export function createPushDataWriter(fields: PushDataFields): PushDataWriter {
  const templates = channelsHz.map((frequencyHz, channel) => template(fields, frequencyHz, channel));
  return {
    write(frame, channel, token, counterUs) {
      const chosen = templates[channel % templates.length];
      if (chosen === undefined) throw new RangeError("there is no such channel");
      const bytes = Buffer.allocUnsafe(chosen.bytes.length);
      chosen.bytes.copy(bytes);
      bytes.writeUInt16BE(token & 0xffff, 1);
      bytes.write(String(counterUs).padStart(counterDigits), chosen.counterAt, "latin1");
      bytes.set(frame, chosen.dataAt);
      return bytes;
    },
  };
}

function template({ gatewayId, frameBytes, rssiDbm, snrDb }: PushDataFields, frequencyHz: number, channel: number) {
  const counter = "#".repeat(counterDigits);
  const data = "*".repeat(4 * Math.ceil(frameBytes / 3));
  const frequency = (frequencyHz / 1e6).toFixed(6);
  const radio = `"chan":${channel},"rfch":0,"freq":${frequency},"stat":1,"modu":"LORA","datr":"SF7BW125","codr":"4/5"`;
  const quality = `"lsnr":${snrDb.toFixed(1)},"rssi":${rssiDbm},"size":${frameBytes}`;
  const json = `{"rxpk":[{"tmst":${counter},${radio},${quality},"data":"${data}"}]}`;
  const head = Buffer.from([protocolVersion, 0, 0, identifiers.pushData]);
  const bytes = Buffer.concat([head, Buffer.from(gatewayId, "hex"), Buffer.from(json)]);
  return { bytes, counterAt: bytes.indexOf(counter), dataAt: bytes.indexOf(data) } satisfies Template;
}
