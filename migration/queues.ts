import Type from "typebox";
import type { DevEui } from "../lorawan/ids.ts";
import type { QueueItem } from "../platform/state/queue-item.ts";
import type { Report } from "./report.ts";
import type { MigrationTarget } from "./target.ts";

/**
 * Puts the downlinks that wait for a device into its queue here, each once for ever: one that has been carried before is here,
 * or was sent.
 */
export async function putQueue(
  { sql, store }: MigrationTarget,
  devEui: DevEui,
  queue: readonly QueueItem[],
  report: Report,
): Promise<void> {
  const known = queue.length === 0 ? new Set<string>() : await carriedBefore({ sql }, devEui);
  for (const item of queue) {
    if (known.has(item.id)) {
      report.count("downlink", "present");
      continue;
    }
    const entry = { id: item.id, value: Buffer.from(JSON.stringify(item)) };
    // Refused when a run that was ended before it could note this has put it there.
    await store.enqueue(devEui, entry, Number.MAX_SAFE_INTEGER);
    await sql.run("insert into carried_downlinks (dev_eui, id) values ($1, $2) on conflict do nothing", [
      devEui,
      item.id,
    ]);
    report.count("downlink", "carried");
  }
}

/** Takes out what an earlier run carried and the other server has sent since. */
export async function dropSent(
  { sql, store }: MigrationTarget,
  devEui: DevEui,
  queue: readonly QueueItem[],
): Promise<void> {
  const waiting = await store.queue(devEui);
  if (waiting.length === 0) return;
  const known = await carriedBefore({ sql }, devEui);
  const there = new Set(queue.map(({ id }) => id));
  for (const { id } of waiting) {
    if (known.has(id) && !there.has(id)) await store.removeQueued(devEui, id);
  }
}

async function carriedBefore({ sql }: Pick<MigrationTarget, "sql">, devEui: DevEui): Promise<ReadonlySet<string>> {
  const text = "select id from carried_downlinks where dev_eui = $1";
  const rows = await sql.rows(Type.Object({ id: Type.String() }), text, [devEui]);
  return new Set(rows.map(({ id }) => id));
}
