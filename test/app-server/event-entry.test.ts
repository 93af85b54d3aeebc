import { expect, test } from "vitest";
import { type DecodeEvent, EventEntry } from "../../app-server/event-entry.ts";
import type { LoggedEvent } from "../../platform/state/store.ts";
import { randomDevEui } from "./support/fixtures.ts";

const record = (): LoggedEvent => ({ position: "1", devEui: randomDevEui(), value: new Uint8Array(10) });

test("everybody who asks gets the events of one decoding, and a decoding that failed is tried again", async () => {
  const events = [] as const;
  const answers = [Promise.reject(new Error("away")), Promise.resolve(events)];
  const asked: LoggedEvent[] = [];
  const decode: DecodeEvent = given => {
    asked.push(given);
    return answers.shift() ?? Promise.reject(new Error("asked once more"));
  };
  const given = record();
  const entry = new EventEntry(given, decode);
  const first = [entry.events(), entry.events()];
  expect((await Promise.allSettled(first)).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(await Promise.all([entry.events(), entry.events()])).toEqual([events, events]);
  expect(await entry.events()).toBe(events);
  expect(asked).toEqual([given, given]);
  expect(entry).toMatchObject({ position: given.position, devEui: given.devEui });
});

test("whoever hears of a failure can ask again at once", async () => {
  let faults = 1;
  const entry = new EventEntry(record(), async () => {
    if (faults-- > 0) throw new Error("away");
    return [];
  });
  const again = entry.events().catch(() => entry.events());
  expect(await again).toEqual([]);
});
