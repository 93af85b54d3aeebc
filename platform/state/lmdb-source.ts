import { existsSync } from "node:fs";
import { type DevEui, parseDevEui, parseGatewayId } from "../../lorawan/ids.ts";
import { StateStoreError } from "./errors.ts";
import { lockFolder } from "./folder-lock.ts";
import { recoverJournal } from "./journal.ts";
import { copyOf, decodeDocument, decodeEvent, decodeHeader, decodeQueueEntry, splitAddresses } from "./lmdb-records.ts";
import {
  euiKey,
  euiText,
  eventKey,
  openTables,
  partitionPrefix,
  sequenceOfEventKey,
  sequenceOfValue,
  type Tables,
  under,
} from "./lmdb-tables.ts";
import { type DeviceCommit, type GatewayState, partitionOf, type QueueEntry } from "./store.ts";

/** Everything that an embedded store holds, partition by partition, for another store to take over. */
export interface StateSource {
  gateways(): readonly GatewayState[];
  partition(partition: number): SourcePartition;
  close(): Promise<void>;
}

export interface SourcePartition {
  /** Those that have a document or something in their queue. */
  readonly devEuis: readonly DevEui[];
  document(devEui: DevEui): SourceDocument | undefined;
  queue(devEui: DevEui): readonly QueueEntry[];
  /** In the order of the log; `sequence` numbers them with gaps. */
  events(): Iterable<{ readonly sequence: number; readonly devEui: DevEui; readonly value: Uint8Array }>;
  /** Up to which sequence each consumer has got. */
  cursors(): ReadonlyMap<string, number>;
}

export type SourceDocument = Required<Pick<DeviceCommit, "devAddrs">> &
  Pick<DeviceCommit, "wakeAtMs"> & { readonly value: Uint8Array };

/** Takes the folder for this process alone. Throws StateStoreError: `state_in_use` beside a running server. */
export async function openLmdbSource(folder: string): Promise<StateSource> {
  if (!existsSync(folder)) {
    throw new StateStoreError("state_unavailable", `There is no embedded state in ${folder}.`, { folder });
  }
  const lock = lockFolder(folder);
  let tables: Tables | undefined;
  try {
    tables = await openTables(folder);
    await recoverJournal(folder, tables);
  } catch (error) {
    await tables?.root.close();
    lock.release();
    throw error;
  }
  const devEuis = devicesByPartition(tables);
  return {
    gateways: () =>
      Array.from(tables.gateways.getRange({ start: Buffer.from([0]) }), ({ key, value }) => ({
        gatewayId: parseGatewayId(euiText(key)),
        value: copyOf(value, 0, value.length),
      })),
    partition: partition => partitionOfSource(tables, partition, devEuis.get(partition) ?? []),
    async close() {
      await tables.root.close();
      lock.release();
    },
  };
}

function devicesByPartition(tables: Tables): ReadonlyMap<number, readonly DevEui[]> {
  const found = new Map<number, Set<DevEui>>();
  const start = Buffer.from([0]);
  for (const table of [tables.devices, tables.queue]) {
    for (const key of table.getKeys({ start })) {
      const devEui = parseDevEui(euiText(key));
      const partition = partitionOf(devEui);
      found.set(partition, (found.get(partition) ?? new Set()).add(devEui));
    }
  }
  return new Map(Array.from(found, ([partition, devEuis]) => [partition, [...devEuis]]));
}

function partitionOfSource(tables: Tables, partition: number, devEuis: readonly DevEui[]): SourcePartition {
  return {
    devEuis,
    document(devEui) {
      const record = tables.devices.get(euiKey(devEui));
      if (record === undefined) return undefined;
      const { addresses, wakeAtMs } = decodeHeader(record);
      const { value } = decodeDocument(record);
      return { value, devAddrs: splitAddresses(addresses), ...(wakeAtMs !== undefined && { wakeAtMs }) };
    },
    queue: devEui => Array.from(tables.queue.getRange(under(euiKey(devEui))), ({ value }) => decodeQueueEntry(value)),
    *events() {
      const { end } = under(partitionPrefix(partition));
      for (const { key, value } of tables.events.getRange({ start: eventKey(partition, 0), end })) {
        yield { sequence: sequenceOfEventKey(key), ...decodeEvent(value) };
      }
    },
    cursors() {
      const range = tables.cursors.getRange(under(partitionPrefix(partition)));
      return new Map(Array.from(range, ({ key, value }) => [key.toString("utf8", 1), sequenceOfValue(value)]));
    },
  };
}
