import { type MacRequestGroup, packCommands } from "../../lorawan/mac/engine.ts";
import { sealDownlink } from "../../lorawan/phy/security.ts";
import { isVersion11 } from "../../lorawan/version.ts";
import type { QueueItem } from "../../platform/state/queue-item.ts";
import type { QueueEntry } from "../../platform/state/store.ts";
import { counterLimit, nextFCntDown, type Session, withFCntDownUsed } from "../session.ts";
import { sessionKey } from "../session-keys.ts";
import { chooseItem, type Dropped, payloadOf, type QueueChoice } from "./queue.ts";
import type { ReceiveWindow } from "./windows.ts";

/** What an uplink asks for in return. */
export interface DownlinkDemand {
  /** The uplink was confirmed. */
  readonly ack: boolean;
  /** The device waits for any downlink: ADRACKReq, or answers that it repeats until one comes (C54, C58). */
  readonly answerNeeded: boolean;
  readonly answers: readonly Uint8Array[];
  readonly requests: readonly MacRequestGroup[];
  /** Bit ADR of the downlink: the network steers this device. */
  readonly adr: boolean;
  /** Low 16 bits of the confirmed uplink's counter, which a 1.1 ACK is signed with. */
  readonly confFCnt: number;
  /** Something waits that this frame must not take. */
  readonly moreWaits?: boolean;
}

export interface PlannedDownlink {
  readonly phyPayload: Uint8Array;
  readonly windows: readonly ReceiveWindow[];
  readonly fCntDown: number;
  readonly item?: QueueItem;
  readonly sentRequests: readonly MacRequestGroup[];
  /** Session with the counter used. */
  readonly session: Session;
}

export interface DownlinkPlan {
  readonly downlink?: PlannedDownlink;
  readonly dropped: readonly Dropped[];
  readonly changes: QueueChoice["changes"];
}

/** TS001-1.0.4 4.3.1.6: FOpts hold at most 15 bytes. */
const maxFOpts = 15;

/**
 * Decides what one downlink carries, and seals it. Commands travel in FOpts beside the application's payload, or alone on
 * port 0 when they need more than 15 bytes, never both (C6). The frame is made for the first window; later windows are
 * kept only where it fits (C7). Pure: nothing is sent.
 */
export function planDownlink(
  session: Session,
  demand: DownlinkDemand,
  queue: readonly QueueEntry[],
  windows: readonly ReceiveWindow[],
  appSKey: Uint8Array | undefined,
  nowMs: number,
): DownlinkPlan {
  const first = windows[0];
  if (!first) return { dropped: [], changes: [] };
  const { maxPayload } = first;
  const nextForItem = nextFCntDown(session, true);
  const sendable = {
    maxPayload,
    devAddr: session.devAddr,
    nextFCntDown: nextForItem,
    hasAppSKey: appSKey !== undefined,
  };
  const choice = chooseItem(queue, sendable, nowMs);
  const rest = { dropped: choice.dropped, changes: choice.changes };
  const hasCommands = demand.answers.length > 0 || demand.requests.length > 0;
  if (!demand.ack && !demand.answerNeeded && !hasCommands && !choice.item) return rest;

  const content = fill(demand, choice.item, maxPayload);
  const isLeft = choice.item !== undefined && content.item === undefined;
  const pending = choice.more || isLeft || !content.complete || (demand.moreWaits ?? false);
  const fCntDown = content.item?.encrypted?.fCntDown ?? nextFCntDown(session, content.item !== undefined);
  if (fCntDown >= counterLimit) return rest;
  const phyPayload = seal(session, demand, content, fCntDown, pending, appSKey);
  const length = phyPayload.length - frameOverhead;
  return {
    ...rest,
    downlink: {
      phyPayload,
      windows: windows.filter(window => length <= window.maxPayload),
      fCntDown,
      ...(content.item && { item: content.item }),
      sentRequests: content.sentRequests,
      session: withFCntDownUsed(session, content.item !== undefined, fCntDown),
    },
  };
}

/** MHDR, FHDR without FOpts, FPort and MIC: what a frame has beyond N bytes of FOpts and FRMPayload. */
export const frameOverhead = 1 + 7 + 1 + 4;

interface Content {
  readonly fOpts: Uint8Array;
  readonly commandPayload?: Uint8Array;
  readonly item?: QueueItem;
  readonly sentRequests: readonly MacRequestGroup[];
  /** Every command found room. */
  readonly complete: boolean;
}

const none = new Uint8Array();

function fill(demand: DownlinkDemand, item: QueueItem | undefined, maxPayload: number): Content {
  const { answers, requests } = demand;
  const alone = packCommands(answers, requests, Math.min(maxFOpts, maxPayload));
  if (item) {
    const room = Math.min(maxFOpts, maxPayload - payloadOf(item).length);
    const beside = packCommands(answers, requests, room);
    // The device waits for its answers; requests can ride with a later frame.
    const answersFit = packCommands(answers, [], room).complete;
    if (answersFit) return { fOpts: beside.bytes, item, sentRequests: beside.sent, complete: beside.complete };
  }
  if (alone.complete) return { fOpts: alone.bytes, sentRequests: alone.sent, complete: true };
  const onPortZero = packCommands(answers, requests, maxPayload);
  return {
    fOpts: none,
    commandPayload: onPortZero.bytes,
    sentRequests: onPortZero.sent,
    complete: onPortZero.complete,
  };
}

function seal(
  session: Session,
  demand: DownlinkDemand,
  content: Content,
  fCntDown: number,
  fPending: boolean,
  appSKey: Uint8Array | undefined,
): Uint8Array {
  const fPort = content.item ? content.item.fPort : content.commandPayload ? 0 : undefined;
  return sealDownlink(
    {
      version11: isVersion11(session.macVersion),
      confirmed: content.item?.confirmed ?? false,
      devAddr: session.devAddr,
      adr: demand.adr,
      ack: demand.ack,
      fPending,
      fCnt: fCntDown,
      fOpts: content.fOpts,
      ...(fPort !== undefined && { fPort }),
      frmPayload: content.item ? payloadOf(content.item) : (content.commandPayload ?? none),
      payloadEncrypted: content.item?.encrypted !== undefined,
      confFCnt: demand.ack ? demand.confFCnt : 0,
    },
    {
      sNwkSIntKey: sessionKey(session.sNwkSIntKey),
      nwkSEncKey: sessionKey(session.nwkSEncKey),
      ...(appSKey && { appSKey }),
    },
  );
}
