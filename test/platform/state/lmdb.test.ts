import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openLmdbStore } from "../../../platform/state/lmdb.ts";
import { randomDevEui } from "../../app-server/support/fixtures.ts";
import { describeStateStore } from "../../contracts/state-store.ts";

/** With the shortest one, LMDB is given each transaction while the next is written. */
for (const segmentBytes of [undefined, 1, 1000]) {
  const name = segmentBytes === undefined ? "lmdb" : `lmdb, ${segmentBytes} bytes in a file of its journal`;
  describeStateStore(name, async () => {
    const options = { folder: await mkdtemp(join(tmpdir(), "upchirp-state-")), ...(segmentBytes && { segmentBytes }) };
    let store = await openLmdbStore(options);
    return {
      store,
      reopen: async () => {
        await store.close();
        store = await openLmdbStore(options);
        return store;
      },
      cleanup: async () => {
        await store.close();
        await rm(options.folder, { recursive: true });
      },
    };
  });
}

test.skipIf(process.platform !== "linux")(
  "a file that grows is mapped once, and takes no more of the disk than is in it",
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "upchirp-state-"));
    const store = await openLmdbStore({ folder, segmentBytes: 2 ** 20 });
    try {
      for (let mebibytes = 0; mebibytes < 8; mebibytes += 1) {
        const commit = { devEui: randomDevEui(), expectedVersion: 0, value: new Uint8Array(2 ** 20), devAddrs: [] };
        expect(await store.commit(commit)).toMatchObject({ kind: "committed" });
      }
      const file = join(folder, "data.mdb");
      const maps = (await readFile("/proc/self/maps", "utf8")).split("\n").filter(line => line.endsWith(file));
      expect(maps).toHaveLength(1);
      const { blocks } = await stat(file);
      expect(blocks * 512).toBeLessThan(20 * 2 ** 20);
    } finally {
      await store.close();
      await rm(folder, { recursive: true });
    }
  },
);
