import { parseDevEui } from "../../lorawan/ids.ts";
import { endAtOnce } from "../../platform/lifecycle.ts";
import { openLmdbStore } from "../../platform/state/lmdb.ts";
import type { StateStore } from "../../platform/state/store.ts";

/**
 * A process to be killed: commits to several devices at once without end, and after each resolved commit prints
 * `devEui version`. With the word `hold` it only opens the store and prints `open`; with `end` it ends itself at once after
 * a hundred commits, or as many as the third argument says. The fourth is how much a file of the journal holds.
 */
const [folder = "", mode = "", last = "100", segmentBytes] = process.argv.slice(2);
let commits = 0;

const store = await openLmdbStore({ folder, ...(segmentBytes && { segmentBytes: Number(segmentBytes) }) });
if (mode === "hold") {
  process.stdout.write("open\n");
  setInterval(() => {}, 1000);
} else {
  await Promise.all(Array.from({ length: 8 }, (_, n) => writeForever(store, n)));
}

async function writeForever(to: StateStore, n: number): Promise<void> {
  const devEui = parseDevEui(n.toString(16).padStart(16, "0"));
  let version = (await to.device(devEui))?.version ?? 0;
  for (;;) {
    const entry = Buffer.from(`${devEui} ${version + 1}`);
    await to.enqueue(devEui, { id: String(version + 1), value: entry }, 1_000_000);
    const outcome = await to.commit({
      devEui,
      expectedVersion: version,
      value: entry,
      devAddrs: [],
      events: [entry],
      queue: [{ kind: "remove", id: String(version) }],
    });
    if (outcome.kind !== "committed") throw new Error("someone else writes here");
    version = outcome.version;
    commits += 1;
    if (mode === "end" && commits === Number(last)) setImmediate(() => endAtOnce(process, "SIGKILL", 1));
    process.stdout.write(`${devEui} ${version}\n`);
  }
}
