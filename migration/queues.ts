import Type from "typebox";
import type { DevEui } from "../lorawan/ids.ts";
import type { QueueItem } from "../platform/state/queue-item.ts";
import type { Report } from "./report.ts";
import type { MigrationTarget } from "./target.ts";

/**
 * Puts the downlinks that wait for a device into its queue here, each once for ever: one that has been carried before is here,
 * or was sent. Each is noted before it is put there and again afterwards, since a run may be ended in between and a server
 * that runs beside may send it at once.
 */
export async function putQueue(
  target: MigrationTarget,
  devEui: DevEui,
  queue: readonly QueueItem[],
  report: Report,
): Promise<void> {
  if (queue.length === 0) return;
  const { sql, store } = target;
  const known = await carriedBefore(target, devEui);
  const due: QueueItem[] = [];
  for (const item of queue) {
    const isCarried = known.get(item.id) === "done" || (known.has(item.id) && (await wasSent(target, devEui, item.id)));
    if (isCarried) report.count("downlink", "present");
    else due.push(item);
  }
  if (due.length === 0) return;
  const ids = due.map(({ id }) => id);
  await sql.run(
    `insert into carried_downlinks (dev_eui, id, is_done) select $1, id, false from unnest($2::text[]) id
       on conflict do nothing`,
    [devEui, ids],
  );
  for (const item of due) {
    // Refused when a run that was ended before it could note this has put it there.
    await store.enqueue(devEui, { id: item.id, value: Buffer.from(JSON.stringify(item)) }, Number.MAX_SAFE_INTEGER);
    report.count("downlink", "carried");
  }
  await sql.run("update carried_downlinks set is_done = true where dev_eui = $1 and id = any($2::text[])", [
    devEui,
    ids,
  ]);
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

const NoteRow = Type.Object({ id: Type.String(), isDone: Type.Boolean() });

async function carriedBefore(
  { sql }: Pick<MigrationTarget, "sql">,
  devEui: DevEui,
): Promise<ReadonlyMap<string, "begun" | "done">> {
  const text = `select id, is_done as "isDone" from carried_downlinks where dev_eui = $1`;
  const rows = await sql.rows(NoteRow, text, [devEui]);
  return new Map(rows.map(({ id, isDone }) => [id, isDone ? "done" : "begun"]));
}

/** Of one that an ended run was about to put into the queue: whether it has been there and was sent since, as the history says. */
async function wasSent({ sql }: Pick<MigrationTarget, "sql">, devEui: DevEui, id: string): Promise<boolean> {
  const text = `select 1 as one from event_history
    where dev_eui = $1 and kind in ('ack', 'txack') and strpos(body, $2) > 0 limit 1`;
  const rows = await sql.rows(Type.Object({ one: Type.Integer() }), text, [
    devEui,
    `"queueItemId":${JSON.stringify(id)}`,
  ]);
  return rows.length > 0;
}
