import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openLmdbStore } from "../../../platform/state/lmdb.ts";
import { describeStateStore } from "../../contracts/state-store.ts";

describeStateStore("lmdb", async () => {
  const folder = await mkdtemp(join(tmpdir(), "upchirp-state-"));
  let store = await openLmdbStore({ folder });
  return {
    store,
    reopen: async () => {
      await store.close();
      store = await openLmdbStore({ folder });
      return store;
    },
    cleanup: async () => {
      await store.close();
      await rm(folder, { recursive: true });
    },
  };
});
