import type { Region } from "../../lorawan/region/region.ts";
import type { Air, AirReception } from "../../simulators/air.ts";
import { cmac, concat, little, reversed } from "../../simulators/crypto11.ts";
import { answerMacCommands } from "../../simulators/device-mac.ts";
import { DeviceRadio } from "../../simulators/device-radio.ts";
import {
  channelPlanOf,
  defaultParameters,
  joinedSession,
  type RadioParameters,
} from "../../simulators/device-state.ts";
import { joinWindowParameters, type WindowName, type WindowParameters } from "../../simulators/device-windows.ts";
import {
  type Credentials11,
  type JoinAccept11,
  type JoinRequest11,
  joinServerKey,
  openDownlink,
  openJoinAccept11,
  type Signer11,
  sealUplink,
  type Uplink11,
} from "../../simulators/frames11.ts";
import { createRandom } from "../../simulators/random.ts";

/** A device's session; counters change as it goes. */
export interface Session11 extends Signer11 {
  readonly netId: string;
  fCntUp: number;
  /** Highest counters accepted. */
  readonly lastDown: { network: number; application: number };
  /** Counter of the last confirmed downlink. */
  confFCnt: number;
  rjCount0: number;
  lastUplink?: Uplink11;
}

export interface Device11Options {
  readonly air: Air;
  readonly region: Region;
  readonly devEui: string;
  readonly joinEui: string;
  readonly nwkKey: Uint8Array;
  readonly appKey: Uint8Array;
  readonly seed?: number;
  /** A device that was activated by personalisation. */
  readonly session?: Session11;
}

export interface Heard11 {
  readonly window: WindowName;
  readonly counter: "network" | "application";
  readonly fCnt: number;
  readonly ack: boolean;
  readonly confirmed: boolean;
  readonly fPort?: number;
  readonly payload: string;
  /** In the clear, hex. */
  readonly commands: string;
}

type Transmitted = Parameters<DeviceRadio["transmit"]>[0];

/** Commands of LoRaWAN 1.1 that the network sends, and the bytes after their CID. */
const lengths11: ReadonlyMap<number, number> = new Map([
  [0x01, 1],
  [0x0b, 1],
  [0x0c, 1],
  [0x0e, 2],
  [0x0f, 1],
  [0x20, 1],
]);

const lengths10: ReadonlyMap<number, number> = new Map([
  [0x02, 2],
  [0x03, 4],
  [0x04, 1],
  [0x05, 4],
  [0x06, 0],
  [0x07, 5],
  [0x08, 1],
  [0x0a, 4],
  [0x0d, 5],
]);

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

const sessionOf = ({ keys, netId, devAddr, version11 }: JoinAccept11): Session11 => ({
  ...keys,
  netId,
  devAddr,
  version11,
  fCntUp: 0,
  lastDown: { network: -1, application: -1 },
  confFCnt: 0,
  rjCount0: 0,
});

/** A LoRaWAN 1.1 class A end device for tests: it sends when it is told to and reports what it hears. */
export class Device11 {
  readonly devEui: string;
  readonly accepts: { readonly devAddr: string; readonly window: WindowName; readonly optNeg: boolean }[] = [];
  readonly downlinks: Heard11[] = [];
  /** Frames for this device that it could not open. */
  readonly faults: string[] = [];
  readonly sent: Transmitted[] = [];
  readonly #options: Device11Options;
  readonly #radio: DeviceRadio;
  readonly #random;
  session: Session11 | undefined;
  parameters: RadioParameters;
  devNonce = 0;
  rjCount1 = 0;
  joinNonce = -1;
  /** RekeyInd or ResetInd goes with every uplink until it is confirmed. */
  indication = "";
  /** MAC commands for the next uplink, hex. */
  answers = "";
  #asked: JoinRequest11 | undefined;
  #ackOwed = false;

  constructor(options: Device11Options) {
    const { air, region, devEui } = options;
    this.devEui = devEui;
    this.#options = options;
    this.#random = createRandom(options.seed ?? 1);
    this.session = options.session;
    this.parameters = defaultParameters(region, 5);
    this.#radio = new DeviceRadio(air, {
      id: devEui,
      position: { eastM: 300, northM: 0, heightM: 2 },
      region,
      windowToleranceUs: 500,
      continuous: () => undefined,
      heard: (reception, window) => this.#heard(reception, window),
    });
  }

  join(): void {
    const { devEui, joinEui, nwkKey, region } = this.#options;
    const body = concat(Uint8Array.of(0x00), reversed(joinEui), reversed(devEui), little(this.devNonce, 2));
    this.#asked = { joinReqType: 0xff, nonce: this.devNonce };
    this.devNonce += 1;
    this.parameters = defaultParameters(region, 5);
    const [channel] = region.joinChannels;
    if (!channel) throw new RangeError(`${region.name} has no join channel`);
    this.#transmit(concat(body, cmac(nwkKey, body).subarray(0, 4)), joinWindowParameters(region, channel), 0);
  }

  /** `changes` forges a frame. */
  rejoin(
    type: 0 | 1 | 2,
    changes: { readonly rjCount?: number; readonly key?: Uint8Array; netId?: string } = {},
  ): void {
    const { devEui, joinEui, region } = this.#options;
    const session = this.session;
    if (!session) throw new TypeError("a device without a session does not rejoin");
    const nonce = changes.rjCount ?? (type === 1 ? this.rjCount1++ : session.rjCount0++);
    const network = type === 1 ? joinEui : (changes.netId ?? session.netId);
    const body = concat(Uint8Array.of(0xc0, type), reversed(network), reversed(devEui), little(nonce, 2));
    const key = changes.key ?? (type === 1 ? joinServerKey(this.#credentials(), 0x06) : session.sNwkSIntKey);
    this.#asked = { joinReqType: type, nonce };
    const windows = { ...this.parameters, rx1DelaySeconds: region.joinAcceptDelaySeconds };
    this.#transmit(concat(body, cmac(key, body).subarray(0, 4)), windows, this.#channel());
  }

  /** TS001-1.1 4.3, 4.4. */
  send(fPort?: number, payload: Uint8Array = new Uint8Array(), confirmed = false): void {
    const session = this.session;
    if (!session) throw new TypeError("a device without a session does not send");
    const channel = this.#channel();
    const { dataRate } = this.parameters;
    const fOpts = Uint8Array.from(Buffer.from(this.indication + this.answers, "hex"));
    const ack = this.#ackOwed;
    const flags = { adr: true, adrAckReq: false, ack, confirmed };
    const { fCntUp: fCnt, confFCnt } = session;
    const uplink = { ...flags, fCnt, fPort, payload, fOpts, confFCnt, txDr: dataRate, txCh: channel };
    const phyPayload = sealUplink(session, uplink);
    session.lastUplink = uplink;
    session.fCntUp += 1;
    this.#ackOwed = false;
    this.answers = "";
    this.#transmit(phyPayload, this.parameters, channel);
  }

  /** The last uplink once more, on another channel: in 1.1 its MIC is another one. */
  repeat(): void {
    const session = this.session;
    if (!session?.lastUplink) throw new TypeError("there is nothing to repeat");
    const { lastUplink } = session;
    const others = this.parameters.enabledChannels.filter(number => number !== lastUplink.txCh);
    const channel = this.#random.pick(others);
    this.#transmit(sealUplink(session, { ...lastUplink, txCh: channel }), this.parameters, channel);
  }

  stop(): void {
    this.#radio.stop();
  }

  #credentials(): Credentials11 {
    const { devEui, joinEui, nwkKey, appKey } = this.#options;
    return { devEui, joinEui, nwkKey: hex(nwkKey), appKey: hex(appKey) };
  }

  #channel(): number {
    return this.#random.pick(this.parameters.enabledChannels);
  }

  #transmit(phyPayload: Uint8Array, windows: WindowParameters, channel: number): void {
    const { region } = this.#options;
    const frequencyHz = channelPlanOf(this.parameters)[channel]?.uplinkFrequencyHz ?? 0;
    const frame = {
      phyPayload,
      frequencyHz,
      dataRate: this.parameters.dataRate,
      powerDbm: region.maxEirpDbm,
      windows,
      ended: () => {},
      closed: () => {},
    };
    this.sent.push(frame);
    this.#radio.transmit(frame);
  }

  #heard({ transmission, snrDb }: AirReception, window: WindowName): void {
    const { phyPayload } = transmission;
    if (phyPayload[0] === 0x20) this.#accept(phyPayload, window);
    else if (this.session) this.#data(this.session, phyPayload, window, snrDb);
  }

  #accept(phyPayload: Uint8Array, window: WindowName): void {
    const asked = this.#asked;
    if (!asked) return;
    const accept = openJoinAccept11(phyPayload, this.#credentials(), asked);
    if (!accept) {
      this.faults.push("join-accept: bad MIC");
      return;
    }
    if (accept.joinNonce <= this.joinNonce) {
      this.faults.push(`join-accept: JoinNonce ${accept.joinNonce} after ${this.joinNonce}`);
      return;
    }
    this.joinNonce = accept.joinNonce;
    this.#asked = undefined;
    this.session = sessionOf(accept);
    if (asked.joinReqType !== 2) this.parameters = this.#parametersOf(accept);
    this.indication = accept.version11 ? "0b01" : "";
    this.answers = "";
    this.#ackOwed = false;
    this.accepts.push({ devAddr: this.session.devAddr, window, optNeg: accept.version11 });
  }

  #parametersOf({ keys: _, version11: __, ...accept }: JoinAccept11): RadioParameters {
    const { region } = this.#options;
    const fields = { ...accept, nwkSKey: "", appSKey: "" };
    return joinedSession(region, fields, 5, new Set(region.defaultChannels.keys())).parameters;
  }

  #data(session: Session11, phyPayload: Uint8Array, window: WindowName, snrDb: number): void {
    const opened = openDownlink(session, phyPayload, session.lastDown, session.lastUplink?.fCnt ?? 0);
    if (opened.kind !== "downlink") {
      this.faults.push(`downlink: ${opened.kind}`);
      return;
    }
    const { counter, downlink } = opened;
    const { fCnt, ack, confirmed, fPort, payload } = downlink;
    const commands = fPort === 0 ? payload : downlink.fOpts;
    session.lastDown[counter] = fCnt;
    if (confirmed) {
      session.confFCnt = fCnt;
      this.#ackOwed = true;
    }
    const port = fPort === undefined ? {} : { fPort };
    this.downlinks.push({
      window,
      counter,
      fCnt,
      ack,
      confirmed,
      payload: hex(payload),
      commands: hex(commands),
      ...port,
    });
    this.#obey(commands, snrDb);
  }

  #obey(commands: Uint8Array, snrDb: number): void {
    let older: number[] = [];
    const flush = (): void => {
      const context = { region: this.#options.region, battery: 255, snrDb, adr: true };
      const outcome = answerMacCommands(Uint8Array.from(older), this.parameters, context);
      this.parameters = outcome.parameters;
      this.answers += outcome.answers.map(answer => answer.bytes).join("");
      older = [];
    };
    for (let at = 0; at < commands.length; ) {
      const cid = commands[at] ?? 0;
      const length = lengths11.get(cid);
      const next = at + 1 + (length ?? lengths10.get(cid) ?? commands.length);
      if (length === undefined) older.push(...commands.subarray(at, next));
      else {
        flush();
        this.#obey11(cid);
      }
      at = next;
    }
    flush();
  }

  #obey11(cid: number): void {
    if (cid === 0x0b || cid === 0x01) this.indication = "";
    if (cid === 0x0c) this.answers += "0c";
    if (cid === 0x0f) this.answers += "0f01";
  }
}
