import Type from "typebox";
import { Compile } from "typebox/compile";
import type { GatewayId } from "../../lorawan/ids.ts";
import type { HistoryEvent } from "../history-ports.ts";
import type { AckFact, LogFact, UplinkFact } from "./facts.ts";

/** Of the contract's JSON, what a diagnosis reads. An event of another shape says nothing. */
const uplink = Compile(
  Type.Object({
    devAddr: Type.String(),
    fCnt: Type.Integer(),
    dr: Type.Integer(),
    rxInfo: Type.Array(
      Type.Object({
        gatewayId: Type.Unsafe<GatewayId>(Type.String()),
        rssi: Type.Optional(Type.Number()),
        snr: Type.Optional(Type.Number()),
        metadata: Type.Optional(Type.Record(Type.String(), Type.String())),
      }),
    ),
    txInfo: Type.Object({ frequency: Type.Integer() }),
  }),
);
const join = Compile(Type.Object({ devAddr: Type.String() }));
const log = Compile(
  Type.Object({
    level: Type.String(),
    code: Type.String(),
    description: Type.String(),
    context: Type.Record(Type.String(), Type.String()),
  }),
);
const ack = Compile(Type.Object({ acknowledged: Type.Boolean() }));

export interface JoinEventFact {
  readonly atMs: number;
  readonly devAddr: string;
}

/** Events as facts, in the order in which they come. */
export interface EventFacts {
  readonly uplinks: readonly UplinkFact[];
  readonly joins: readonly JoinEventFact[];
  readonly logs: readonly LogFact[];
  readonly acks: readonly AckFact[];
}

export function eventFacts(events: readonly HistoryEvent[]): EventFacts {
  const uplinks: UplinkFact[] = [];
  const joins: JoinEventFact[] = [];
  const logs: LogFact[] = [];
  const acks: AckFact[] = [];
  for (const { id, kind, time, json } of events) {
    const atMs = Date.parse(time);
    const content: unknown = JSON.parse(json);
    if (kind === "up" && uplink.Check(content)) {
      const { devAddr, fCnt, dr: dataRate, rxInfo, txInfo } = content;
      const heardBy = rxInfo.map(({ metadata, ...heard }) => ({ ...heard, isLate: metadata?.late === "true" }));
      uplinks.push({ id, atMs, devAddr, fCnt, dataRate, frequencyHz: txInfo.frequency, heardBy });
    } else if (kind === "join" && join.Check(content)) joins.push({ atMs, devAddr: content.devAddr });
    else if (kind === "log" && log.Check(content)) logs.push({ atMs, ...content });
    else if (kind === "ack" && ack.Check(content)) acks.push({ atMs, isAcknowledged: content.acknowledged });
  }
  return { uplinks, joins, logs, acks };
}
