import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { UpchirpError } from "../../../lorawan/errors.ts";
import type { Clock } from "../../../platform/clock.ts";
import type { BulkCatalog } from "../../bulk-ports.ts";
import type { Import, ImportFault, Imports } from "../../import-ports.ts";
import type { NetworkControl } from "../../ports.ts";
import { Refusal } from "../refusal.ts";
import type { ImportContext, Line, LineKind, LineOutcome, SessionOrder } from "./lines.ts";
import { summaryOf } from "./outcomes.ts";

/** Records that are written at a time, and text of which they are made at most. */
const batchRecords = 500;
const batchLength = 1 << 20;
/** Where they come slowly, those that are there are written this often. */
const batchMs = 1_000;
/** Keys that are remembered to find what comes twice in a file; with more, a second one finds the first one's record. */
const mostKeys = 500_000;
const mostTries = 4;
/** Read in one turn of the event loop; a millisecond or so. */
const recordsATurn = 64;

/** A record of the file, and what was read in it. */
export interface ReadRecord<Value> {
  readonly text: string;
  readonly line: number;
  readonly bytes: number;
  readonly read: Read<Value>;
}

type Read<Value> = Line<Value> | readonly ImportFault[];

export interface RunDependencies<Value> {
  readonly bulk: BulkCatalog;
  /** What shows only when a line is tried out, before it is written; nothing when absent. */
  readonly tryOut?: ((line: Line<Value>) => Promise<readonly ImportFault[]>) | undefined;
  readonly imports: Imports;
  readonly control: Pick<NetworkControl, "ensureActive">;
  readonly clock: Clock;
}

/** One record of a batch that is not written yet. */
interface Waiting<Value> {
  readonly record: ReadRecord<Value>;
  /** Of the file up to here. */
  readonly digest: string;
  readonly outcome: Read<Value>;
}

const overtaken = () => new Refusal("conflict", "Somebody else sends this import at this moment.");
const anotherFile = () =>
  new Refusal("conflict", "This is not the file that the import began with; send that one, or take another key.");

const isFaults = <Value>(value: Read<Value>): value is readonly ImportFault[] => Array.isArray(value);
const lineOf = <Value>({ outcome }: Waiting<Value>): readonly Line<Value>[] => (isFaults(outcome) ? [] : [outcome]);
const faultsOf = <Value>({ outcome }: Waiting<Value>): readonly (readonly ImportFault[])[] =>
  isFaults(outcome) ? [outcome] : [];

/**
 * Writes the records of a file from where the import stands to its end. What the returned import says is durable; after a
 * crash the same call goes on behind the last record that is. Throws Refusal when the file is another one, or when somebody
 * else goes on with the import meanwhile.
 */
export async function runImport<Value>(
  begun: Import,
  records: AsyncIterable<ReadRecord<Value>>,
  kind: LineKind<Value>,
  context: ImportContext,
  deps: RunDependencies<Value>,
): Promise<Import> {
  const run = createRun(begun, kind, context, deps, await deps.imports.sessions(begun.id));
  let taken = 0;
  for await (const record of records) {
    taken += 1;
    // Records come by the thousand in one piece: frames and other requests are not to wait for all of them.
    if (taken % recordsATurn === 0) await setImmediate();
    await run.take(record);
  }
  return run.finish();
}

function createRun<Value>(
  begun: Import,
  kind: LineKind<Value>,
  context: ImportContext,
  deps: RunDependencies<Value>,
  unstarted: ReadonlySet<string>,
) {
  const findTwins = twinFinder(kind);
  let position = 0;
  let digest = "";
  let waiting: Waiting<Value>[] = [];
  let waitingLength = 0;
  let writtenAtMs = deps.clock.nowMs();
  const left: Line<Value>[] = [];
  const write = createWriter(begun, kind, context, deps);

  async function flush(): Promise<void> {
    const due = waiting;
    [waiting, waitingLength] = [[], 0];
    await write.batch(due);
    writtenAtMs = deps.clock.nowMs();
  }

  /** A record that was written before the import was cut off; its session may not have been started. */
  async function pass({ outcome }: Waiting<Value>): Promise<void> {
    if (!isFaults(outcome) && unstarted.has(kind.keyOf(outcome.value))) left.push(outcome);
    if (position < begun.position) return;
    if (digest !== begun.digest) throw anotherFile();
    if (left.length === 0) return;
    const rule = { ...context.rule, onExisting: "update", isDryRun: true } as const;
    const outcomes = await deps.bulk.batch(batch => kind.write(left, { ...context, rule }, batch));
    write.after(await startSessions(left, outcomes, deps));
  }

  async function tried(line: Line<Value>): Promise<Read<Value>> {
    const faults = (await deps.tryOut?.(line)) ?? [];
    return faults.length > 0 ? faults : line;
  }

  return {
    async take(record: ReadRecord<Value>): Promise<void> {
      position += 1;
      digest = createHash("sha256").update(digest).update(record.text).digest("hex");
      const outcome = findTwins(record);
      if (position <= begun.position) return pass({ record, digest, outcome });
      waiting.push({ record, digest, outcome: isFaults(outcome) ? outcome : await tried(outcome) });
      waitingLength += record.text.length;
      const isDue = deps.clock.nowMs() - writtenAtMs >= batchMs;
      if (waiting.length >= batchRecords || waitingLength >= batchLength || isDue) await flush();
    },
    async finish(): Promise<Import> {
      if (position < begun.position) throw anotherFile();
      await flush();
      await write.end();
      const ended = await deps.imports.end(begun.id, "finished");
      if (ended === undefined) throw overtaken();
      return ended;
    },
  };
}

/** The record as it was read, or the fault that an earlier line is about the same. */
function twinFinder<Value>(kind: LineKind<Value>): (record: ReadRecord<Value>) => Read<Value> {
  const lines = new Map<string, number>();
  return ({ read }) => {
    if (isFaults(read)) return read;
    const key = kind.keyOf(read.value);
    const before = lines.get(key);
    if (before !== undefined) {
      const message = `Line ${before} is about the same; a file has each once.`;
      return [{ line: read.line, column: read.nameOf(`/${kind.keyMember}`), message }];
    }
    if (lines.size < mostKeys) lines.set(key, read.line);
    return read;
  };
}

const codeOf = (error: unknown): string => (error instanceof UpchirpError ? error.code : "");

/** Writes batches one after the other, each with how far the import has come by it. */
function createWriter<Value>(
  begun: Import,
  kind: LineKind<Value>,
  context: ImportContext,
  deps: RunDependencies<Value>,
) {
  let written = begun.position;
  /** Of sessions that could not be started after their batch was written; told with the next. */
  let late: readonly ImportFault[] = [];
  let lastDigest = begun.digest;
  let lastBytes = begun.bytesRead;
  let { created } = begun;

  async function once(batchOf: readonly Waiting<Value>[]): Promise<void> {
    const lines = batchOf.flatMap(lineOf);
    const last = batchOf.at(-1);
    const step = {
      id: begun.id,
      from: written,
      position: written + batchOf.length,
      digest: last?.digest ?? lastDigest,
      bytesRead: last?.record.bytes ?? lastBytes,
    };
    const { rule } = context;
    const told = rule.isDryRun ? { ...context, rule: { ...rule, createdBefore: created } } : context;
    const { outcomes, counts } = await deps.bulk.batch(async batch => {
      const made = lines.length === 0 ? [] : await kind.write(lines, told, batch);
      const { counts, faults } = summaryOf(kind, lines, made, batchOf.flatMap(faultsOf));
      const sessions = context.rule.isDryRun ? [] : made.flatMap(ordersOf).map(({ devEui }) => devEui);
      if (!(await deps.imports.advance({ ...step, counts, faults: [...late, ...faults], sessions }, batch.sql))) {
        throw overtaken();
      }
      return { outcomes: made, counts };
    });
    created += counts.created;
    [written, lastDigest, lastBytes, late] = [step.position, step.digest, step.bytesRead, []];
    if (!context.rule.isDryRun) late = await startSessions(lines, outcomes, deps);
  }

  async function trying(batchOf: readonly Waiting<Value>[]): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await once(batchOf);
      } catch (error) {
        // Another change was in the way, or somebody else made the same record: it is found the next time.
        const mayHelp = ["sql_conflict", "sql_unique_violation"].includes(codeOf(error));
        if (tries === mostTries || !mayHelp) throw error;
      }
    }
  }

  /** What the database refuses is the fault of one record, which is found by halves. */
  async function byHalves(batchOf: readonly Waiting<Value>[]): Promise<void> {
    try {
      await trying(batchOf);
    } catch (error) {
      const [only] = batchOf;
      const isRefusal = ["sql_check_violation", "sql_invalid_value"].includes(codeOf(error));
      if (!isRefusal || only === undefined || isFaults(only.outcome)) throw error;
      if (batchOf.length === 1) {
        const message = "A value is outside of what can be stored, or two values do not fit together.";
        return trying([{ ...only, outcome: [{ line: only.record.line, column: null, message }] }]);
      }
      const middle = Math.ceil(batchOf.length / 2);
      await byHalves(batchOf.slice(0, middle));
      await byHalves(batchOf.slice(middle));
    }
  }

  return {
    batch: async (batchOf: readonly Waiting<Value>[]): Promise<void> => {
      if (batchOf.length > 0) await byHalves(batchOf);
    },
    /** Faults that are told with the next batch. */
    after(faults: readonly ImportFault[]): void {
      late = [...late, ...faults];
    },
    async end(): Promise<void> {
      if (late.length > 0) await trying([]);
    },
  };
}

const ordersOf = (outcome: LineOutcome): readonly SessionOrder[] =>
  outcome.kind === "verdict" && outcome.session ? [outcome.session] : [];

/** Gives the faults of those that the network server refuses. */
async function startSessions(
  lines: readonly Line<unknown>[],
  outcomes: readonly LineOutcome[],
  { control }: Pick<RunDependencies<unknown>, "control">,
): Promise<readonly ImportFault[]> {
  const faults = await Promise.all(
    outcomes.map(async (outcome, index): Promise<readonly ImportFault[]> => {
      const [order] = ordersOf(outcome);
      const line = lines[index];
      if (order === undefined || line === undefined) return [];
      try {
        await control.ensureActive(order.devEui, order.activation);
        return [];
      } catch (error) {
        if (codeOf(error) !== "invalid_activation" && codeOf(error) !== "device_not_found") throw error;
        const message = `The device is there and its session is not: ${error instanceof Error ? error.message : ""}.`;
        return [{ line: line.line, column: line.nameOf("/activation"), message }];
      }
    }),
  );
  return faults.flat();
}
