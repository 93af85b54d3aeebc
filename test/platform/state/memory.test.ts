import { describeStateStore } from "../../contracts/state-store.ts";
import { createMemoryStore } from "../../support/memory-store.ts";

describeStateStore("memory", async () => {
  const store = createMemoryStore();
  return { store, cleanup: () => store.close() };
});
