import { parseDevEui } from "../../lorawan/ids.ts";
import { StateStoreError } from "../../platform/state/errors.ts";
import { openLmdbStore } from "../../platform/state/lmdb.ts";

/**
 * A process with little room on its disk: commits until three commits were refused, then prints as JSON which devices
 * were committed and with what code and retryable flag the others were refused.
 */
const [folder = ""] = process.argv.slice(2);
// The limit of the test makes a write fail with EFBIG only if its signal is not fatal.
process.on("SIGXFSZ", () => {});

const store = await openLmdbStore({ folder });
const committed: number[] = [];
const refused: { readonly n: number; readonly code: string; readonly retryable: boolean }[] = [];
for (let n = 0; refused.length < 3; n += 1) {
  const devEui = parseDevEui(n.toString(16).padStart(16, "0"));
  const event = new Uint8Array([n]);
  try {
    await store.commit({ devEui, expectedVersion: 0, value: new Uint8Array(20_000), devAddrs: [], events: [event] });
    committed.push(n);
  } catch (error) {
    if (!(error instanceof StateStoreError)) throw error;
    refused.push({ n, code: error.code, retryable: error.retryable });
  }
}
await store.close();
process.stdout.write(`${JSON.stringify({ committed, refused })}\n`);
