import { expect } from "vitest";
import { parseDevEui } from "../../lorawan/ids.ts";
import { partitionOf, type StateStore } from "../../platform/state/store.ts";
import { text } from "../contracts/state-store-values.ts";

/** Notes what a line of state-writer.ts promises. */
export function notePromise(promised: Map<string, number>, line: string): void {
  const [devEui = "", version = "0"] = line.split(" ");
  promised.set(devEui, Number(version));
}

/** The store has every commit of state-writer.ts that was promised, and each commit that it has is there as a whole. */
export async function expectWhole(store: StateStore, promised: ReadonlyMap<string, number>): Promise<void> {
  for (const [digits, version] of promised) {
    const devEui = parseDevEui(digits);
    const device = await store.device(devEui);
    expect(device?.version).toBeGreaterThanOrEqual(version);
    const stored = device?.version ?? 0;
    expect(device && text(device.value)).toBe(`${digits} ${stored}`);
    const events = await store.readEvents(partitionOf(devEui), "", 1_000_000);
    const own = events.filter(event => event.devEui === devEui).map(event => text(event.value));
    expect(own).toEqual(Array.from({ length: stored }, (_, n) => `${digits} ${n + 1}`));
    const waiting = (await store.queue(devEui)).map(entry => Number(entry.id));
    // The entry of the last commit, and perhaps the one of a commit that did not come about.
    expect([[stored], [stored, stored + 1]]).toContainEqual(waiting);
  }
}
