import { UpchirpError } from "../../lorawan/errors.ts";
import type { DevEui } from "../../lorawan/ids.ts";
import type { SourceDocument, SourcePartition, StateSource } from "./lmdb-source.ts";
import { type EventPosition, type LoggedEvent, partitionCount, type StateStore } from "./store.ts";

/** The store that was to take the state over holds something that is not of it. Nothing of that was changed. */
export class StateNotEmpty extends UpchirpError {
  readonly code = "state_not_empty";
}

export interface MigrationProgress {
  readonly partitions: number;
  readonly devices: number;
  readonly queued: number;
  readonly events: number;
}

const partitionsAtOnce = 8;
const devicesAtOnce = 32;
const readAtOnce = 1000;

/**
 * Brings everything from one store into another that nobody uses: documents, queues, events with the position of each
 * consumer, gateway states. What is there already is compared and left, so that a run that was ended is simply repeated.
 * Throws StateNotEmpty, StateStoreError.
 */
export async function migrateState(
  source: StateSource,
  target: StateStore,
  progress: (done: MigrationProgress) => void,
): Promise<MigrationProgress> {
  const done = { partitions: 0, devices: 0, queued: 0, events: 0 };
  const left = Array.from({ length: partitionCount }, (_, partition) => partition);
  const work = async (): Promise<void> => {
    for (let partition = left.shift(); partition !== undefined; partition = left.shift()) {
      const from = source.partition(partition);
      await inTurns(from.devEuis, devicesAtOnce, async devEui => {
        await migrateDocument(from.document(devEui), devEui, target);
        const queued = await migrateQueue(from, devEui, target);
        done.queued += queued;
        done.devices += 1;
      });
      const events = await migrateEvents(from, partition, target);
      done.events += events;
      done.partitions += 1;
      progress(done);
    }
  };
  await Promise.all(Array.from({ length: partitionsAtOnce }, work));
  for (const state of source.gateways()) await target.putGatewayState(state);
  return done;
}

async function inTurns<Item>(
  items: readonly Item[],
  atOnce: number,
  action: (item: Item) => Promise<void>,
): Promise<void> {
  const left = [...items];
  const work = async (): Promise<void> => {
    for (let item = left.pop(); item !== undefined; item = left.pop()) await action(item);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
}

const isSame = (left: Uint8Array, right: Uint8Array): boolean => Buffer.compare(left, right) === 0;

async function migrateDocument(
  document: SourceDocument | undefined,
  devEui: DevEui,
  target: StateStore,
): Promise<void> {
  const known = await target.device(devEui);
  if (known !== undefined) {
    if (document !== undefined && isSame(known.value, document.value)) return;
    throw new StateNotEmpty(`the new store has another state of device ${devEui}; use one that is empty`, { devEui });
  }
  if (document !== undefined) await target.commit({ devEui, expectedVersion: 0, ...document });
}

/** How many entries wait. */
async function migrateQueue(from: SourcePartition, devEui: DevEui, target: StateStore): Promise<number> {
  const wanted = from.queue(devEui);
  const known = await target.queue(devEui);
  if (known.some(({ id }, index) => id !== wanted[index]?.id)) {
    throw new StateNotEmpty(`the new store has other downlinks for ${devEui}; use one that is empty`, { devEui });
  }
  for (const entry of wanted.slice(known.length)) await target.enqueue(devEui, entry, Number.MAX_SAFE_INTEGER);
  return wanted.length;
}

/** In the order of the log, so that the positions of consumers keep their meaning. Gives how many there are. */
async function migrateEvents(from: SourcePartition, partition: number, target: StateStore): Promise<number> {
  const known = logOf(target, partition);
  const sequences: number[] = [];
  for (const { sequence, devEui, value } of from.events()) {
    sequences.push(sequence);
    const { value: there, done } = await known.next();
    if (done === true) await append(from.document(devEui), devEui, value, target);
    else if (there.devEui !== devEui || !isSame(there.value, value)) throw otherEvents(partition);
  }
  if ((await known.next()).done !== true && sequences.length > 0) throw otherEvents(partition);
  if (sequences.length > 0) await migrateCursors(from, partition, sequences, target);
  return sequences.length;
}

const otherEvents = (partition: number): StateNotEmpty =>
  new StateNotEmpty("the new store has events that are not of the old one; use one that is empty", { partition });

/** The log as it was when reading began; an end once reached is final. */
async function* logOf(store: StateStore, partition: number): AsyncGenerator<LoggedEvent, undefined> {
  const events: LoggedEvent[] = [];
  for (let after: EventPosition = ""; ; ) {
    const page = await store.readEvents(partition, after, readAtOnce);
    events.push(...page);
    const last = page.at(-1);
    if (last === undefined) break;
    after = last.position;
  }
  yield* events;
  return undefined;
}

async function append(
  document: SourceDocument | undefined,
  devEui: DevEui,
  event: Uint8Array,
  target: StateStore,
): Promise<void> {
  const known = await target.device(devEui);
  await target.commit({
    devEui,
    expectedVersion: known?.version ?? 0,
    ...(document ?? { value: null, devAddrs: [] }),
    events: [event],
  });
}

async function migrateCursors(
  from: SourcePartition,
  partition: number,
  sequences: readonly number[],
  target: StateStore,
): Promise<void> {
  const positions: EventPosition[] = [];
  for await (const { position } of logOf(target, partition)) positions.push(position);
  for (const [consumer, sequence] of from.cursors()) {
    const last = sequences.findLastIndex(each => each <= sequence);
    const position = positions[last];
    if (position !== undefined) await target.setCursor(consumer, partition, position);
  }
}
