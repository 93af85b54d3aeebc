import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { open } from "lmdb";
import Type from "typebox";
import Value from "typebox/value";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createMetrics } from "../../../platform/metrics.ts";
import { openLmdbStore } from "../../../platform/state/lmdb.ts";
import { partitionOf } from "../../../platform/state/store.ts";
import { bytes, devAddrOf, devEuiOf, text } from "../../contracts/state-store-values.ts";
import { expectWhole, notePromise } from "../../support/written-state.ts";

let folder: string;
const children = new Set<ChildProcessByStdio<null, Readable, null>>();

beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), "upchirp-state-")), "state");
});
afterEach(async () => {
  await Promise.all([...children].map(kill));
  await rm(join(folder, ".."), { recursive: true });
});

function startWriter(...args: readonly string[]): ChildProcessByStdio<null, Readable, null> {
  const script = fileURLToPath(new URL("../../support/state-writer.ts", import.meta.url));
  const child = spawn(process.execPath, [script, folder, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  children.add(child);
  return child;
}

/** Writes past the store, which must be closed. */
async function put(table: string, key: Buffer, value: Buffer): Promise<void> {
  const binary = { encoding: "binary", keyEncoding: "binary" } as const;
  const root = open<Buffer, Buffer>({ path: folder, ...binary });
  await root.openDB<Buffer, Buffer>(table, binary).put(key, value);
  await root.close();
}

async function kill(child: ChildProcessByStdio<null, Readable, null>): Promise<void> {
  children.delete(child);
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}

/** Kills the writer once it has printed `lines` lines; gives the highest version it printed for each device. */
async function writeThenKill(lines: number, segmentBytes: number): Promise<ReadonlyMap<string, number>> {
  const child = startWriter("forever", "0", String(segmentBytes));
  const printed = new Map<string, number>();
  let count = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    notePromise(printed, line);
    count += 1;
    // Lines that were printed before the kill arrives are read to their end: each of them is a promise.
    if (count === lines) child.kill("SIGKILL");
  }
  await kill(child);
  return printed;
}

describe("a store whose process is killed", () => {
  test.each([{ segmentBytes: 3_000 }, { segmentBytes: 2 ** 20 }])(
    "C15 C16 has every commit that was reported, whole, after each of three kills, with $segmentBytes in a file of its journal",
    async ({ segmentBytes }) => {
      for (const lines of [1, 97, 350]) {
        const printed = await writeThenKill(lines, segmentBytes);
        expect(printed.size).toBeGreaterThan(0);
        const store = await openLmdbStore({ folder });
        await expectWhole(store, printed);
        await store.close();
      }
    },
  );

  test("ends with it when it ends itself at once, though a commit is under way", async () => {
    for (let round = 0; round < 5; round += 1) {
      const writer = startWriter("end");
      const ended = once(writer, "exit");
      writer.stdout.resume();
      expect(await ended).toEqual([null, "SIGKILL"]);
    }
  });
});

describe.runIf(process.platform === "linux")("a store whose disk is full", () => {
  test("refuses what it cannot keep, goes on, and has all the rest when there is room again", async () => {
    const script = fileURLToPath(new URL("../../support/state-filler.ts", import.meta.url));
    const limited = 'ulimit -f 4096 && exec "$0" "$@"';
    // LMDB prints the cause to standard error by itself.
    const child = spawn("/bin/sh", ["-c", limited, process.execPath, script, folder], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    children.add(child);
    const [line] = await once(createInterface({ input: child.stdout }), "line");
    const { committed, refused } = Value.Parse(fillerReport, JSON.parse(String(line)));
    expect(committed.length).toBeGreaterThan(10);
    for (const refusal of refused) expect(refusal).toMatchObject({ code: "state_unavailable", retryable: true });

    const store = await openLmdbStore({ folder });
    for (const n of committed) {
      const devEui = devEuiOf(n);
      expect(await store.device(devEui)).toMatchObject({ version: 1 });
      const events = await store.readEvents(partitionOf(devEui), "", 10_000);
      expect(events.filter(event => event.devEui === devEui)).toHaveLength(1);
    }
    for (const { n } of refused) {
      const devEui = devEuiOf(n);
      expect(await store.device(devEui)).toBeUndefined();
      const change = { devEui, expectedVersion: 0, value: bytes("now"), devAddrs: [], events: [bytes("now")] };
      expect(await store.commit(change)).toEqual({ kind: "committed", version: 1 });
      const events = await store.readEvents(partitionOf(devEui), "", 10_000);
      expect(events.filter(event => event.devEui === devEui).map(event => text(event.value))).toEqual(["now"]);
    }
    await store.close();
  });
});

const fillerReport = Type.Object({
  committed: Type.Array(Type.Number()),
  refused: Type.Array(Type.Object({ n: Type.Number(), code: Type.String(), retryable: Type.Boolean() })),
});

describe("a store whose disk is nearly full", () => {
  test("adds nothing, takes away, and goes on when there is room again", async () => {
    let freeBytes = 2 ** 30;
    const metrics = createMetrics();
    const store = await openLmdbStore({ folder, metrics, look: { freeBytes: () => freeBytes, everyMs: 0 } });
    const devEui = devEuiOf(1);
    const change = { devEui, expectedVersion: 0, value: bytes("x"), devAddrs: [], events: [bytes("event")] };
    await store.commit(change);
    const partition = partitionOf(devEui);
    const [event] = await store.readEvents(partition, "", 10);

    freeBytes = 2 ** 20;
    const full = { code: "state_unavailable", retryable: true, message: expect.stringContaining(folder) };
    await expect(store.commit({ ...change, expectedVersion: 1 })).rejects.toMatchObject(full);
    await expect(store.enqueue(devEui, { id: "1", value: bytes("x") }, 10)).rejects.toMatchObject(full);
    expect((await metrics.storeFaults.get()).values).toMatchObject([{ value: 2 }]);
    await store.setCursor("reader", partition, event?.position ?? "");
    await store.trimEvents(partition, event?.position ?? "");
    expect(await store.readEvents(partition, "", 10)).toEqual([]);
    expect(await store.device(devEui)).toMatchObject({ version: 1 });

    freeBytes = 2 ** 30;
    expect(await store.commit({ ...change, expectedVersion: 1 })).toEqual({ kind: "committed", version: 2 });
    await store.close();
  });
});

test("a store keeps room for what LMDB has still to be given", async () => {
  let freeBytes = 2 ** 30;
  const store = await openLmdbStore({ folder, look: { freeBytes: () => freeBytes, everyMs: 0 } });
  const change = { devEui: devEuiOf(1), value: new Uint8Array(3 * 2 ** 20), devAddrs: [] };
  await store.commit({ ...change, expectedVersion: 0 });
  freeBytes = 34 * 2 ** 20;
  await expect(store.commit({ ...change, expectedVersion: 1 })).rejects.toMatchObject({ code: "state_unavailable" });
  freeBytes = 36 * 2 ** 20;
  await store.commit({ ...change, expectedVersion: 1 });
  await store.close();
});

describe("a folder", () => {
  test("that another process has open is refused with state_in_use, and free once that process is killed", async () => {
    const holder = startWriter("hold");
    await once(createInterface({ input: holder.stdout }), "line");
    await expect(openLmdbStore({ folder })).rejects.toMatchObject({
      code: "state_in_use",
      retryable: false,
      details: { folder, pid: holder.pid },
    });
    await kill(holder);
    const store = await openLmdbStore({ folder });
    await store.close();
  });

  test("that this process has open is refused, and free once it is closed", async () => {
    const store = await openLmdbStore({ folder });
    await expect(openLmdbStore({ folder })).rejects.toMatchObject({ code: "state_in_use" });
    expect(await store.commit({ devEui: devEuiOf(1), expectedVersion: 0, value: bytes("x"), devAddrs: [] })).toEqual({
      kind: "committed",
      version: 1,
    });
    await store.close();
    const again = await openLmdbStore({ folder });
    expect(await again.device(devEuiOf(1))).toMatchObject({ version: 1 });
    await again.close();
  });

  test("and its files are for their owner only, also where the folder was there with wider rights", async () => {
    await (await openLmdbStore({ folder })).close();
    await chmod(folder, 0o755);
    await (await openLmdbStore({ folder })).close();
    const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;
    expect(await modeOf(folder)).toBe(0o700);
    const files = await readdir(folder);
    expect(files).toContain("data.mdb");
    for (const file of files) expect([file, await modeOf(join(folder, file))]).toEqual([file, 0o600]);
  });

  test("with a newer format is refused with state_format_newer and left as it was", async () => {
    await (await openLmdbStore({ folder })).close();
    await withFormat("3");
    for (let attempt = 0; attempt < 2; attempt += 1) {
      await expect(openLmdbStore({ folder })).rejects.toMatchObject({
        code: "state_format_newer",
        details: { folder, found: 3, known: 2 },
      });
    }
    await withFormat("2");
    await (await openLmdbStore({ folder })).close();
  });

  test("with an older format is taken over, and is nothing for an older Upchirp from then on", async () => {
    await (await openLmdbStore({ folder })).close();
    await withFormat("1");
    await (await openLmdbStore({ folder })).close();
    const binary = { encoding: "binary", keyEncoding: "binary" } as const;
    const root = open<Buffer, Buffer>({ path: folder, ...binary });
    expect(root.openDB<Buffer, Buffer>("meta", binary).get(Buffer.from("format"))?.toString()).toBe("2");
    await root.close();
  });

  test("with an unreadable format is refused with state_corrupt", async () => {
    await (await openLmdbStore({ folder })).close();
    await withFormat("one");
    await expect(openLmdbStore({ folder })).rejects.toMatchObject({ code: "state_corrupt", retryable: false });
  });

  const withFormat = (version: string): Promise<void> => put("meta", Buffer.from("format"), Buffer.from(version));
});

describe("a store", () => {
  test("keeps nothing of a commit that cannot be completed", async () => {
    const devEui = devEuiOf(1);
    const partition = partitionOf(devEui);
    await (await openLmdbStore({ folder })).close();
    // Events come after the document in a commit, and this partition's counter is no number.
    await put("trimmed", Buffer.from([partition]), Buffer.from([1]));
    const store = await openLmdbStore({ folder });
    const change = { devEui, expectedVersion: 0, value: bytes("x"), devAddrs: [devAddrOf(1)], wakeAtMs: 1 };
    await expect(store.commit({ ...change, events: [bytes("event")] })).rejects.toMatchObject({
      code: "state_corrupt",
      retryable: false,
    });
    expect(await store.device(devEui)).toBeUndefined();
    expect(await store.devicesByDevAddr(devAddrOf(1))).toEqual([]);
    expect(await store.dueDevices(1, 1)).toEqual([]);
    expect(await store.commit(change)).toEqual({ kind: "committed", version: 1 });
    await store.close();
  });

  test("counts conflicts, and the time that commits took", async () => {
    const metrics = createMetrics();
    const store = await openLmdbStore({ folder, metrics });
    await store.commit({ devEui: devEuiOf(1), expectedVersion: 5, value: bytes("x"), devAddrs: [] });
    await store.commit({ devEui: devEuiOf(1), expectedVersion: 0, value: bytes("x"), devAddrs: [] });
    expect((await metrics.storeConflicts.get()).values).toMatchObject([{ value: 1 }]);
    expect((await metrics.storeCommitSeconds.get()).values.at(-1)).toMatchObject({ value: 2 });
    await store.close();
  });

  test("grows far beyond its first map, with large values and thousands of devices", async () => {
    const store = await openLmdbStore({ folder });
    const value = new Uint8Array(20_000).fill(1);
    const devEuis = Array.from({ length: 2000 }, (_, n) => devEuiOf(n));
    const outcomes = await Promise.all(
      devEuis.map(devEui => store.commit({ devEui, expectedVersion: 0, value, devAddrs: [], events: [bytes("e")] })),
    );
    expect(outcomes.every(outcome => outcome.kind === "committed")).toBe(true);
    for (const devEui of devEuis) expect((await store.device(devEui))?.value.length).toBe(20_000);
    await store.close();
  });
});
