import Type, { type Static } from "typebox";
import { parseTenantId, type TenantId } from "../../lorawan/ids.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Sql } from "../../platform/sql.ts";
import type { HistoryLimits, HistorySettings, HistoryState, HistoryUse } from "../history-ports.ts";
import type { Kept } from "./usage.ts";

const NullableInteger = Type.Union([Type.Integer(), Type.Null()]);
const OwnRow = Type.Object({
  tenant: Type.String(),
  eventDays: NullableInteger,
  frameDays: NullableInteger,
  measurementDays: NullableInteger,
  maxMegabytes: NullableInteger,
});
const selectOwn = `select tenant_id::text as tenant, event_days as "eventDays", frame_days as "frameDays",
  measurement_days as "measurementDays", max_megabytes as "maxMegabytes" from history_settings`;
const UseRow = Type.Object({
  what: Type.Unsafe<Kept>(Type.String()),
  rows: Type.Integer(),
  bytes: Type.Integer(),
  since: Type.Union([Type.String(), Type.Null()]),
});

type Own = HistoryState["own"];
const nothingOwn: Own = { eventDays: null, frameDays: null, measurementDays: null, maxMegabytes: null };

const together = (own: Own, defaults: HistoryLimits): HistoryLimits => ({
  eventDays: own.eventDays ?? defaults.eventDays,
  frameDays: own.frameDays ?? defaults.frameDays,
  measurementDays: own.measurementDays ?? defaults.measurementDays,
  maxMegabytes: own.maxMegabytes ?? defaults.maxMegabytes,
});

const ownOf = ({ tenant: _, ...own }: Static<typeof OwnRow>): Own => own;

/** What is kept for whom, as it was less than a minute ago. */
export interface KnownLimits {
  /** Asks the database where that was long ago. */
  refresh(): Promise<void>;
  of(tenantId: string | undefined): HistoryLimits;
  /** The longest times that anybody has. */
  readonly longest: HistoryLimits;
  /** Tenants that have limits of their own. */
  readonly own: ReadonlyMap<string, HistoryLimits>;
}

const holdsUs = 60_000_000;

export function createKnownLimits(sql: Sql, clock: Clock, defaults: HistoryLimits): KnownLimits {
  let own: ReadonlyMap<string, HistoryLimits> = new Map();
  let readAtUs: number | undefined;
  return {
    async refresh() {
      const nowUs = clock.monotonicUs();
      if (readAtUs !== undefined && nowUs - readAtUs < holdsUs) return;
      const rows = await sql.rows(OwnRow, selectOwn);
      own = new Map(rows.map(row => [row.tenant, together(ownOf(row), defaults)]));
      readAtUs = nowUs;
    },
    of: tenantId => (tenantId === undefined ? undefined : own.get(tenantId)) ?? defaults,
    get longest() {
      const longest = (name: keyof HistoryLimits): number =>
        [...own.values()].reduce((most, limits) => Math.max(most, limits[name]), defaults[name]);
      return {
        eventDays: longest("eventDays"),
        frameDays: longest("frameDays"),
        measurementDays: longest("measurementDays"),
        maxMegabytes: longest("maxMegabytes"),
      };
    },
    get own() {
      return own;
    },
  };
}

export function createHistorySettings(sql: Sql, defaults: HistoryLimits): HistorySettings {
  async function read(tenantId: TenantId): Promise<HistoryState> {
    const [row] = await sql.rows(OwnRow, `${selectOwn} where tenant_id = $1`, [tenantId]);
    const uses = await sql.rows(
      UseRow,
      `select what, sum(rows)::bigint as rows, sum(bytes)::bigint as bytes, min(day)::text as since
         from history_usage where tenant_id = $1 and rows > 0 group by what`,
      [tenantId],
    );
    const keptOf = (wanted: Kept): HistoryUse => {
      const { rows = 0, bytes = 0, since = null } = uses.find(({ what }) => what === wanted) ?? {};
      return { rows, bytes, since };
    };
    const own = row === undefined ? nothingOwn : ownOf(row);
    return { own, limits: together(own, defaults), events: keptOf("events"), frames: keptOf("frames") };
  }

  return {
    read,
    async write(tenantId, change) {
      const { own } = await read(parseTenantId(tenantId));
      const { eventDays, frameDays, measurementDays, maxMegabytes } = { ...own, ...change };
      await sql.run(
        `insert into history_settings (tenant_id, event_days, frame_days, measurement_days, max_megabytes)
           values ($1, $2, $3, $4, $5)
           on conflict (tenant_id) do update set event_days = excluded.event_days, frame_days = excluded.frame_days,
             measurement_days = excluded.measurement_days, max_megabytes = excluded.max_megabytes`,
        [tenantId, eventDays, frameDays, measurementDays, maxMegabytes],
      );
      return read(tenantId);
    },
  };
}
