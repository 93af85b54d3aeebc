/** What happened on the radio side and at a subscriber. Times are milliseconds since the run began, on a clock that no fault moves. */
export interface Truth {
  readonly uplinks: readonly SentUplink[];
  readonly downlinks: readonly SeenDownlink[];
  readonly joinAccepts: readonly SeenJoinAccept[];
  readonly commandsHeard: readonly HeardCommand[];
  /** What the simulated devices themselves found wrong. */
  readonly deviceFindings: readonly DeviceFinding[];
}

/** One application uplink, in however many transmissions. */
export interface SentUplink {
  readonly devEui: string;
  /** Tells the sessions of a device apart. */
  readonly devAddr: string;
  readonly fCnt: number;
  readonly fPort: number;
  /** Base64. */
  readonly data: string;
  readonly confirmed: boolean;
  /** Each copy that a gateway heard and put into a datagram. */
  readonly hearings: readonly Hearing[];
  /** A downlink for one of its windows has reached a gateway: the server has accepted it, and has to keep it. */
  readonly answeredAtMs?: number;
}

export interface Hearing {
  readonly gatewayId: string;
  /** Number of the server that the gateway sends to, from 0. */
  readonly server: number;
  readonly atMs: number;
  /** The datagram was acknowledged. */
  readonly pushAckedAtMs?: number;
}

/** A data downlink that a gateway was asked to send, whether or not anybody heard it. */
export interface SeenDownlink {
  readonly atMs: number;
  readonly gatewayId: string;
  readonly devAddr: string;
  /** The 16 bits that are in the frame; no run is long enough for more. */
  readonly fCnt: number;
  /** Hex. */
  readonly phyPayload: string;
}

/** A Join-Accept that a gateway was asked to send. */
export interface SeenJoinAccept {
  readonly atMs: number;
  readonly devEui: string;
  /** Of the request whose window it is for. */
  readonly devNonce: number;
  readonly joinNonce: number;
  readonly phyPayload: string;
}

export interface DeviceFinding {
  readonly atMs: number;
  readonly devEui: string;
  readonly violation: string;
  readonly detail: string;
}

/** A command as it reached a device. */
export interface HeardCommand {
  readonly devEui: string;
  /** Base64. */
  readonly data: string;
}

/** A confirmed command for a device that the server has said it keeps. */
export interface AcceptedCommand extends HeardCommand {
  readonly atMs: number;
  readonly id: string;
}

/** What applications were told. */
export interface Told {
  /** By the names of the subscribers: each has to get everything. */
  readonly deliveries: ReadonlyMap<string, readonly Delivery[]>;
  readonly commands: readonly AcceptedCommand[];
  /** Commands that an `ack` event has told the end of, or that the queue still shows; by their ids. */
  readonly accounted: ReadonlySet<string>;
}

/** An `up` event as one subscriber got it. */
export interface Delivery {
  readonly atMs: number;
  readonly devEui: string;
  readonly devAddr: string;
  readonly fCnt: number;
  readonly fPort: number;
  readonly data: string;
  readonly deduplicationId: string;
}

/**
 * What a fault may cost: uplinks that reached the server and were not committed, as in a power cut; datagrams that it
 * never took; or nothing.
 */
export type MayLose = "uncommitted" | "unacknowledged" | "nothing";

export interface StruckFault {
  readonly number: number;
  readonly kind: string;
  readonly mayLose: MayLose;
  /** It may cost only what was sent to this one of several servers. */
  readonly server?: number;
  readonly fromMs: number;
  /** Everything answered again. */
  readonly toMs: number;
}
