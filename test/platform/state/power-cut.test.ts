import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openLmdbStore } from "../../../platform/state/lmdb.ts";
import { createRandom, type Random } from "../../../simulators/random.ts";
import { bytes, devEuiOf } from "../../contracts/state-store-values.ts";
import { type DiskStep, traceDisk, whyNoTrace } from "../../support/disk-trace.ts";
import { expectWhole, notePromise } from "../../support/written-state.ts";

const sectorBytes = 512;
const commits = 400;
const cuts = 60;
const fileNames = ["data.mdb", "journal-0", "journal-1"];

let folder: string;
let steps: readonly DiskStep[];

/** The file as a disk may have it when the power goes: what was flushed, and of the rest whatever it had got to. */
function fileAfter(done: readonly DiskStep[], path: string, random: Random): Buffer {
  const flushed = new Set(done.flatMap(step => (step.kind === "flushed" ? step.numbers : [])));
  const writes = done.filter(step => step.kind === "write").filter(step => step.path === path);
  const file = Buffer.alloc(Math.max(0, ...writes.map(({ offset, bytes: { length } }) => offset + length)));
  const keptShare = random.pick([0, 0.1, 0.5, 0.9, 1]);
  let size = 0;
  for (const { number, offset, bytes: written } of writes) {
    for (let from = 0; from < written.length; ) {
      const to = Math.min(written.length, from + sectorBytes - ((offset + from) % sectorBytes));
      if (flushed.has(number) || random.chance(keptShare)) {
        written.copy(file, offset + from, from, to);
        size = Math.max(size, offset + to);
      }
      from = to;
    }
  }
  return file.subarray(0, size);
}

const whyNot = whyNoTrace();

describe.skipIf(whyNot !== undefined).each([
  // Much of the time LMDB is being given what is in one file, or hardly ever.
  { segmentBytes: 3_000 },
  { segmentBytes: 30_000 },
])(
  `a store whose machine loses its power, files of $segmentBytes bytes${whyNot === undefined ? "" : ` (${whyNot})`}`,
  ({ segmentBytes }) => {
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "upchirp-power-"));
      const state = join(folder, "state");
      const writer = fileURLToPath(new URL("../../support/state-writer.ts", import.meta.url));
      steps = await traceDisk(process.execPath, [writer, state, "end", String(commits), String(segmentBytes)], {
        paths: fileNames.map(name => join(state, name)),
        traceFile: join(folder, "trace"),
      });
    }, 60_000);
    afterAll(() => rm(folder, { recursive: true }));

    test("C15 C16 has every commit that was reported, whole, whatever had reached the disk", async () => {
      expect(steps.filter(({ kind }) => kind === "printed").length).toBeGreaterThanOrEqual(commits);
      const random = createRandom(1);
      const firstPromise = steps.findIndex(({ kind }) => kind === "printed");
      for (let cut = 0; cut < cuts; cut += 1) {
        const done = steps.slice(0, random.between(firstPromise, steps.length - 1) + 1);
        const promised = new Map<string, number>();
        for (const step of done) {
          if (step.kind === "printed") for (const line of step.text.trimEnd().split("\n")) notePromise(promised, line);
        }
        const state = join(folder, `cut-${cut}`);
        await mkdir(state);
        for (const name of fileNames) {
          await writeFile(join(state, name), fileAfter(done, join(folder, "state", name), random));
        }

        const store = await openLmdbStore({ folder: state });
        await expectWhole(store, promised);
        const change = { devEui: devEuiOf(1_000), expectedVersion: 0, value: bytes("goes on"), devAddrs: [] };
        expect(await store.commit(change)).toEqual({ kind: "committed", version: 1 });
        await store.close();
        await rm(state, { recursive: true });
      }
    });
  },
);
