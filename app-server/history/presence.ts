import Type from "typebox";
import type { GatewayId } from "../../lorawan/ids.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import type { Peers } from "../../platform/peers/peers.ts";
import type { Sql } from "../../platform/sql.ts";
import type { PresenceChange } from "../history-ports.ts";
import type { GatewaySummary, NetworkControl } from "../ports.ts";

const ChangeRow = Type.Object({ at: Type.String(), isOnline: Type.Boolean() });
const rfc3339 = `to_char(at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
/** Of a gateway that comes and goes all day long; more than a chart shows. */
const mostChanges = 10_000;

/** The state at the beginning of the time, where it is known, and each change since then, oldest first. */
export const presenceSince = (sql: Sql, gatewayId: GatewayId, since: string): Promise<readonly PresenceChange[]> =>
  sql.rows(
    ChangeRow,
    `select ${rfc3339} as at, is_online as "isOnline" from gateway_presence
       where gateway_id = $1 and at >= coalesce(
         (select max(at) from gateway_presence where gateway_id = $1 and at <= $2::timestamptz), '-infinity')
       order by at limit ${mostChanges}`,
    [gatewayId, since],
  );

/** Notes those whose state is another than the last that was noted. Rejects with SqlError. */
export async function notePresence(sql: Sql, gateways: readonly GatewaySummary[], nowMs: number): Promise<void> {
  const registered = gateways.filter(gateway => gateway.registered);
  if (registered.length === 0) return;
  await sql.run(
    `insert into gateway_presence (gateway_id, at, is_online)
       select t.gateway_id, t.at, t.is_online
         from unnest($1::text[], $2::timestamptz[], $3::boolean[]) as t (gateway_id, at, is_online)
           join gateways g on g.gateway_id = t.gateway_id
         where t.is_online is distinct from (
           select p.is_online from gateway_presence p where p.gateway_id = t.gateway_id order by p.at desc limit 1)
       on conflict do nothing`,
    [
      registered.map(({ gatewayId }) => gatewayId),
      registered.map(gateway => new Date(changedAtMs(gateway, nowMs)).toISOString()),
      registered.map(({ online }) => online),
    ],
  );
}

/** One that is silent was last there when it was last heard; one that is there was so when it was seen to be. */
const changedAtMs = ({ online, lastSeenAtMs }: GatewaySummary, nowMs: number): number =>
  online ? nowMs : Math.min(nowMs, lastSeenAtMs + 1);

/** What is older goes, but for the last of each gateway, which still holds. */
const trimPresence = (sql: Sql, before: string): Promise<unknown> =>
  sql.run(
    `delete from gateway_presence p where at < $1::timestamptz
       and exists (select 1 from gateway_presence q where q.gateway_id = p.gateway_id and q.at > p.at)`,
    [before],
  );

export interface PresenceOptions {
  readonly sql: Sql;
  readonly control: Pick<NetworkControl, "gateways">;
  readonly peers: Peers;
  readonly days: number;
  readonly clock: Clock;
  readonly log: Log;
}

const intervalMs = 30_000;
const dayMs = 86_400_000;

/** Looks every half minute which gateways are there; of several servers one does. Gives what ends it. */
export function startPresence({ sql, control, peers, days, clock, log }: PresenceOptions): () => Promise<void> {
  let running = Promise.resolve();
  let cancel = (): void => {};
  let trimmedAtMs = 0;
  const look = async (): Promise<void> => {
    try {
      if (peers.isShared && (await peers.claim("gateway-presence", intervalMs)) !== peers.instance) return;
      const nowMs = clock.nowMs();
      await notePresence(sql, await control.gateways(), nowMs);
      if (nowMs - trimmedAtMs < dayMs) return;
      await trimPresence(sql, new Date(nowMs - days * dayMs).toISOString());
      trimmedAtMs = nowMs;
    } catch (error) {
      log.warn({ err: error }, "which gateways are there is not noted now; trying again");
    }
  };
  const plan = (delayMs: number): void => {
    cancel = clock.after(delayMs, () => {
      running = look();
      void running.then(() => plan(intervalMs));
    });
  };
  plan(0);
  return async () => {
    cancel();
    await running;
    cancel();
  };
}
