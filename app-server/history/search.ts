import Type, { type Static } from "typebox";
import { type DevEui, parseApplicationId, parseDevEui, parseTenantId, toFrameOrder } from "../../lorawan/ids.ts";
import { readFrame } from "../../platform/frames/frame-letter.ts";
import { type FrameRecord, isFrameId, timeOfFrameId } from "../../platform/frames/frame-record.ts";
import type { Sql } from "../../platform/sql.ts";
import type { Page } from "../catalog-ports.ts";
import type { EventFilter, FrameFilter, History, HistoryEvent, HistoryPage } from "../history-ports.ts";
import type { DeviceEventKind } from "../ports.ts";
import { Conditions, encodeCursor } from "./conditions.ts";

/** Rows that are looked through for a text before a page ends, with what was found so far. */
const longestLook = 5_000;

const EventSqlRow = Type.Object({
  at: Type.String(),
  id: Type.String(),
  kind: Type.Unsafe<DeviceEventKind>(Type.String()),
  tenant: Type.String(),
  application: Type.String(),
  devEui: Type.String(),
  code: Type.Union([Type.String(), Type.Null()]),
  devAddr: Type.Union([Type.String(), Type.Null()]),
  /** Null: the text is not in it. */
  body: Type.Union([Type.String(), Type.Null()]),
});

/** What the search asks of the database: apart, so that tests see by which index it is answered. */
export function eventQuery(filter: EventFilter, { limit, after }: HistoryPage): { text: string; values: unknown[] } {
  const conditions = new Conditions();
  const { gatewayId, devEui, applicationId, kinds, code, devAddr, since, until, text } = filter;
  // Ordered as the index that leads to them is.
  const place = gatewayId === undefined ? "e" : "g";
  conditions.add(gatewayId, value => `g.gateway_id = ${value}`);
  conditions.add(devEui, value => `e.dev_eui = ${value}`);
  conditions.add(applicationId, value => `e.application_id = ${value}::uuid`);
  conditions.add(code, value => `e.code = ${value}`);
  conditions.add(devAddr, value => `e.dev_addr = ${value}`);
  // Literals, all of them ours: the index of kinds leaves out uplinks.
  if (kinds !== undefined) conditions.raw(`e.kind in (${kinds.map(kind => `'${kind}'`).join(", ")})`);
  conditions.scope(filter, "e");
  conditions.add(since, value => `${place}.at >= ${value}::timestamptz`);
  conditions.add(until, value => `${place}.at < ${value}::timestamptz`);
  conditions.before(after, place, ["at", "id", "kind"]);
  // One by one along the gateway's index: a join as the planner likes it would read everything first.
  const from =
    gatewayId === undefined
      ? "event_history e"
      : `event_history_gateways g cross join lateral (
          select * from event_history h where h.at = g.at and h.id = g.id and h.kind = g.kind limit 1) e`;
  const count = text === undefined ? limit + 1 : longestLook;
  const body =
    text === undefined
      ? "e.body"
      : `case when strpos(lower(e.body), lower(${conditions.value(text)})) > 0 then e.body end`;
  return {
    text: `select e.at, e.id::text as id, e.kind, e.tenant_id::text as tenant, e.application_id::text as application,
        e.dev_eui as "devEui", e.code, e.dev_addr as "devAddr", ${body} as body
      from ${from} where ${conditions.text}
      order by ${place}.at desc, ${place}.id desc, ${place}.kind desc limit ${count}`,
    values: conditions.values,
  };
}

const FrameSqlRow = Type.Object({
  at: Type.String(),
  id: Type.String(),
  payload: Type.String(),
  details: Type.String(),
});

/** What a search for frames begins with, and the table whose index orders what it finds. */
function framesWhere({ gatewayId, devEui, devAddr, direction, result, since, until, ...scope }: FrameFilter) {
  const conditions = new Conditions();
  const place = gatewayId === undefined ? "f" : "g";
  conditions.add(gatewayId, value => `g.gateway_id = ${value}`);
  conditions.add(devEui, value => `f.dev_eui = ${value}`);
  conditions.add(devAddr, value => `f.dev_addr = ${value}`);
  conditions.add(direction, value => `f.direction = ${value}`);
  conditions.add(result, value => `f.result = ${value}`);
  if (gatewayId === undefined) conditions.scope(scope, "f");
  conditions.add(since, value => `${place}.at >= ${value}::timestamptz`);
  conditions.add(until, value => `${place}.at < ${value}::timestamptz`);
  const from =
    gatewayId === undefined
      ? "frame_history f"
      : `frame_history_gateways g cross join lateral (
          select * from frame_history h where h.at = g.at and h.id = g.id limit 1) f`;
  const select = `select f.at, f.id::text as id, encode(f.phy_payload, 'base64') as payload, f.details from ${from}`;
  return { conditions, place, select };
}

export function frameQuery(
  filter: FrameFilter,
  { limit, after }: HistoryPage,
  id?: string,
): { text: string; values: unknown[] } {
  const { conditions, place, select } = framesWhere(filter);
  if (id !== undefined) {
    conditions.add(isoTimeOf(id), value => `${place}.at = ${value}::timestamptz`);
    conditions.add(id, value => `${place}.id = ${value}::uuid`);
  }
  conditions.before(after, place, ["at", "id"]);
  return {
    text: `${select} where ${conditions.text} order by ${place}.at desc, ${place}.id desc limit ${limit + 1}`,
    values: conditions.values,
  };
}

function laterFramesQuery(filter: FrameFilter, id: string, limit: number): { text: string; values: unknown[] } {
  const { conditions, place, select } = framesWhere(filter);
  const at = `${conditions.value(isoTimeOf(id))}::timestamptz`;
  // The first comparison leaves out partitions.
  conditions.raw(`${place}.at >= ${at}`);
  conditions.raw(`(${place}.at, ${place}.id) > (${at}, ${conditions.value(id)}::uuid)`);
  return {
    text: `${select} where ${conditions.text} order by ${place}.at, ${place}.id limit ${limit + 1}`,
    values: conditions.values,
  };
}

const isoTimeOf = (frameId: string): string => new Date(timeOfFrameId(frameId)).toISOString();

const UnknownSqlRow = Type.Object({
  requests: Type.Integer(),
  at: Type.String(),
  id: Type.String(),
  payload: Type.String(),
  details: Type.String(),
});

/** Some may be of devices that were added since, or that were left out for another reason: those are taken away later. */
const unknownQuery = (
  since: string,
  devEui: DevEui | undefined,
  limit: number,
): { text: string; values: unknown[] } => ({
  text: `with heard as (
      select substring(phy_payload from 10 for 8) as eui, count(*)::integer as requests, max(at) as last
        from frame_history
        where dev_eui is null and dev_addr is null and length(phy_payload) = 23 and at >= $1::timestamptz
          ${devEui === undefined ? "" : "and substring(phy_payload from 10 for 8) = decode($2, 'hex')"}
        group by 1 order by last desc limit ${limit})
    select h.requests, f.at, f.id::text as id, encode(f.phy_payload, 'base64') as payload, f.details
      from heard h cross join lateral (
        select * from frame_history
          where dev_eui is null and dev_addr is null and length(phy_payload) = 23 and at = h.last
            and substring(phy_payload from 10 for 8) = h.eui limit 1) f
      order by f.at desc, f.id desc`,
  values: [since, ...(devEui === undefined ? [] : [Buffer.from(toFrameOrder(devEui)).toString("hex")])],
});

/** As the index has it: of a Join-Request, which is 23 bytes, the DevEUI as it is on the air. */
export const joinsQuery = (
  devEuis: readonly DevEui[],
  since: string,
  limit: number,
): { text: string; values: unknown[] } => ({
  text: `select f.at, f.id::text as id, encode(f.phy_payload, 'base64') as payload, f.details
    from frame_history f
    where f.dev_eui is null and f.dev_addr is null and length(f.phy_payload) = 23 and f.at >= $1::timestamptz
      and substring(f.phy_payload from 10 for 8) = any(array(select decode(eui, 'hex') from unnest($2::text[]) eui))
    order by f.at desc, f.id desc limit ${limit}`,
  values: [since, devEuis.map(devEui => Buffer.from(toFrameOrder(devEui)).toString("hex"))],
});

export function createHistory(sql: Sql): History {
  async function frames(filter: FrameFilter, page: HistoryPage, id?: string): Promise<Page<FrameRecord>> {
    const query = frameQuery(filter, page, id);
    const rows = await sql.rows(FrameSqlRow, query.text, query.values);
    const shown = rows.slice(0, page.limit);
    const last = shown.at(-1);
    const items = shown.flatMap(({ details, payload }) => readFrame(details, payload) ?? []);
    return rows.length > page.limit && last !== undefined
      ? { items, next: encodeCursor([last.at, last.id, ""]) }
      : { items };
  }

  return {
    async events(filter, page) {
      const query = eventQuery(filter, page);
      const rows = await sql.rows(EventSqlRow, query.text, query.values);
      const hits = rows.filter(({ body }) => body !== null);
      const shown = hits.slice(0, page.limit);
      const isWhole = hits.length <= page.limit && (filter.text === undefined || rows.length < longestLook);
      const last = hits.length > page.limit ? shown.at(-1) : rows.at(-1);
      const items = shown.map(eventOf);
      return isWhole || last === undefined ? { items } : { items, next: encodeCursor([last.at, last.id, last.kind]) };
    },
    frames: (filter, page) => frames(filter, page),
    async framesAfter(filter, id, limit) {
      if (!isFrameId(id)) return { items: [] };
      const { text, values } = laterFramesQuery(filter, id, limit);
      const rows = await sql.rows(FrameSqlRow, text, values);
      const shown = rows.slice(0, limit);
      const items = shown.flatMap(({ details, payload }) => readFrame(details, payload) ?? []);
      const next = rows.length > limit ? shown.at(-1)?.id : undefined;
      return next === undefined ? { items } : { items, next };
    },
    async frame(filter, id) {
      if (!isFrameId(id)) return undefined;
      return (await frames(filter, { limit: 1 }, id)).items[0];
    },
    async unknownDevices({ since, devEui, limit }) {
      const { text, values } = unknownQuery(since, devEui, limit);
      const rows = await sql.rows(UnknownSqlRow, text, values);
      return rows.flatMap(({ requests, details, payload }) => {
        const last = readFrame(details, payload);
        return last ? [{ requests, last }] : [];
      });
    },
    async joinsOfNobody(devEuis, { since, limit }) {
      const { text, values } = joinsQuery(devEuis, since, limit);
      const rows = await sql.rows(FrameSqlRow, text, values);
      return rows.flatMap(({ details, payload }) => readFrame(details, payload) ?? []);
    },
  };
}

const eventOf = (row: Static<typeof EventSqlRow>): HistoryEvent => ({
  id: row.id,
  kind: row.kind,
  time: row.at,
  tenantId: parseTenantId(row.tenant),
  applicationId: parseApplicationId(row.application),
  devEui: parseDevEui(row.devEui),
  ...(row.code !== null && { code: row.code }),
  ...(row.devAddr !== null && { devAddr: row.devAddr }),
  json: row.body ?? "",
});
