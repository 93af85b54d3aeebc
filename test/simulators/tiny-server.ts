import { createRequire } from "node:module";
import type loraPacketTypes from "lora-packet";
import type { DatagramPort } from "../../simulators/datagram.ts";

export const loraPacket: (typeof loraPacketTypes)["default"] = createRequire(import.meta.url)("lora-packet");

export const keys = { nwkSKey: "11".repeat(16), appSKey: "22".repeat(16), devAddr: "26011234" };

export interface Rxpk {
  readonly tmst: number;
  readonly freq: number;
  readonly datr: string;
  readonly data: string;
  readonly rssi: number;
  readonly lsnr: number;
}

export interface TinyServer {
  /** JSON of every PUSH_DATA. */
  readonly pushed: { readonly rxpk?: readonly Rxpk[]; readonly stat?: Readonly<Record<string, unknown>> }[];
  readonly frames: Rxpk[];
  /** `error` of every TX_ACK. */
  readonly txAcks: string[];
  pullData: number;
  send(txpk: object): void;
}

/** Answers as a network server's UDP side does, and remembers what came. */
export function createTinyServer(port: DatagramPort, onFrame: (frame: Rxpk) => void = () => {}): TinyServer {
  let token = 0;
  const server: TinyServer = {
    pushed: [],
    frames: [],
    txAcks: [],
    pullData: 0,
    send(txpk) {
      token += 1;
      const body = Buffer.from(JSON.stringify({ txpk }));
      port.send(Buffer.concat([Buffer.from([2, token >> 8, token & 0xff, 3]), body]));
    },
  };
  const answer = (bytes: Uint8Array, identifier: number): void =>
    port.send(Uint8Array.from([2, bytes[1] ?? 0, bytes[2] ?? 0, identifier]));
  port.onMessage(bytes => {
    const json = Buffer.from(bytes.subarray(12)).toString();
    if (bytes[3] === 2) {
      server.pullData += 1;
      answer(bytes, 4);
    } else if (bytes[3] === 5) {
      server.txAcks.push(JSON.parse(json).txpk_ack.error);
    } else if (bytes[3] === 0) {
      const body = JSON.parse(json);
      answer(bytes, 1);
      server.pushed.push(body);
      for (const frame of body.rxpk ?? []) {
        server.frames.push(frame);
        onFrame(frame);
      }
    }
  });
  return server;
}

export interface DownlinkOptions {
  readonly fCnt: number;
  readonly fPort?: number;
  readonly payload?: string;
  /** Hex. */
  readonly fOpts?: string;
  readonly confirmed?: boolean;
  readonly ack?: boolean;
  readonly fPending?: boolean;
}

/** A data downlink under `keys`; payload and FOpts in hex. */
export function downlinkFrame(options: DownlinkOptions, session = keys): Buffer {
  const nwkSKey = Buffer.from(session.nwkSKey, "hex");
  const upper = Buffer.from([(options.fCnt >>> 16) & 0xff, options.fCnt >>> 24]);
  const packet = loraPacket.fromFields(
    {
      MType: options.confirmed ? "Confirmed Data Down" : "Unconfirmed Data Down",
      DevAddr: Buffer.from(session.devAddr, "hex"),
      FCtrl: { ACK: options.ack ?? false, FPending: options.fPending ?? false },
      FCnt: options.fCnt & 0xffff,
      FOpts: Buffer.from(options.fOpts ?? "", "hex"),
      payload: Buffer.from(options.payload ?? "", "hex"),
      ...(options.fPort === undefined ? {} : { FPort: options.fPort }),
    },
    Buffer.from(session.appSKey, "hex"),
    nwkSKey,
    undefined,
    upper,
  );
  loraPacket.recalculateMIC(packet, nwkSKey, undefined, upper);
  return packet.PHYPayload ?? Buffer.alloc(0);
}

/** RX1 of an uplink in EU868 with default parameters, 1 s after its end. */
export const answerInRx1 = (frame: Rxpk, phyPayload: Buffer, delayUs = 1_000_000): Record<string, unknown> => ({
  tmst: (frame.tmst + delayUs) % 2 ** 32,
  freq: frame.freq,
  rfch: 0,
  powe: 14,
  modu: "LORA",
  datr: frame.datr,
  codr: "4/5",
  ipol: true,
  ncrc: true,
  size: phyPayload.length,
  data: phyPayload.toString("base64"),
});

export interface JoinAcceptOptions {
  readonly appKey: string;
  readonly joinNonce: number;
  readonly dlSettings?: number;
  readonly rxDelay?: number;
  /** Hex. */
  readonly cfList?: string;
}

export function joinAcceptFrame(options: JoinAcceptOptions): Buffer {
  const nonce = Buffer.alloc(3);
  nonce.writeUIntBE(options.joinNonce, 0, 3);
  const packet = loraPacket.fromFields(
    {
      MType: "Join Accept",
      AppNonce: nonce,
      NetID: Buffer.from("000013", "hex"),
      DevAddr: Buffer.from(keys.devAddr, "hex"),
      DLSettings: options.dlSettings ?? 0,
      RxDelay: options.rxDelay ?? 1,
      CFList: Buffer.from(options.cfList ?? "", "hex"),
    },
    undefined,
    undefined,
    Buffer.from(options.appKey, "hex"),
  );
  return Buffer.concat([Buffer.from([0x20]), packet.MACPayloadWithMIC ?? Buffer.alloc(0)]);
}
