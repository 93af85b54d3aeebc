import { describe, expect, test } from "vitest";
import { type LoggedEvent, partitionCount, partitionOf, type StateStore } from "../../platform/state/store.ts";
import { bytes, devEuiOf, devEuisIn, eventTexts, hex, text } from "./state-store-values.ts";

export function describeStateStoreEvents(store: () => StateStore): void {
  const partition = 42;
  const [first = devEuiOf(1), second = devEuiOf(1)] = devEuisIn(partition, 2);
  let version = 0;
  const append = async (devEui: typeof first, ...texts: readonly string[]): Promise<void> => {
    version = (await store().device(devEui))?.version ?? 0;
    const change = { devEui, expectedVersion: version, value: bytes("x"), devAddrs: [], events: texts.map(bytes) };
    expect(await store().commit(change)).toEqual({ kind: "committed", version: version + 1 });
  };
  const readAll = (): Promise<readonly LoggedEvent[]> => store().readEvents(partition, "", 1000);

  describe("the event log", () => {
    test("is empty at first, in every partition", async () => {
      for (const each of [0, 1, partition, partitionCount - 1]) {
        expect(await store().readEvents(each, "", 10)).toEqual([]);
        expect(await store().cursor("app", each)).toBe("");
      }
    });

    test("keeps a partition's events in the order of their commits, with the device", async () => {
      await append(first, "1", "2");
      await append(second, "3");
      await append(first, "4");
      const events = await readAll();
      expect(events.map(event => `${event.devEui} ${text(event.value)}`)).toEqual([
        `${first} 1`,
        `${first} 2`,
        `${second} 3`,
        `${first} 4`,
      ]);
      expect(new Set(events.map(event => event.position)).size).toBe(4);
    });

    test("keeps the order of commits that did not wait for each other", async () => {
      const devEuis = devEuisIn(partition, 40);
      await Promise.all(
        devEuis.map(devEui =>
          store().commit({ devEui, expectedVersion: 0, value: bytes("x"), devAddrs: [], events: [bytes(devEui)] }),
        ),
      );
      expect(await eventTexts(store(), partition)).toEqual(devEuis);
    });

    test("is read on from any position, a page at a time", async () => {
      await append(first, ...Array.from({ length: 25 }, (_, n) => `${n}`));
      const seen: string[] = [];
      let position = "";
      for (;;) {
        const page = await store().readEvents(partition, position, 10);
        const last = page.at(-1);
        if (last === undefined) break;
        expect(page.length).toBeLessThanOrEqual(10);
        seen.push(...page.map(event => text(event.value)));
        position = last.position;
      }
      expect(seen).toEqual(Array.from({ length: 25 }, (_, n) => `${n}`));
      expect(await store().readEvents(partition, "", 0)).toEqual([]);
    });

    test("keeps partitions apart, the first and the last too", async () => {
      const partitions = [0, 1, 127, 128, 254, 255];
      for (const each of partitions) {
        const [devEui = first] = devEuisIn(each, 1);
        expect(partitionOf(devEui)).toBe(each);
        await append(devEui, `in ${each}`);
      }
      for (const each of partitions) expect(await eventTexts(store(), each)).toEqual([`in ${each}`]);
      await expect(store().readEvents(256, "", 1)).rejects.toMatchObject({ code: "malformed_value" });
      await expect(store().readEvents(-1, "", 1)).rejects.toMatchObject({ code: "malformed_value" });
    });

    test("holds empty and large events", async () => {
      const large = new Uint8Array(65_536).fill(3);
      await store().commit({
        devEui: first,
        expectedVersion: 0,
        value: bytes("x"),
        devAddrs: [],
        events: [new Uint8Array(), large, bytes("end")],
      });
      const [empty, middle, end] = await readAll();
      expect(empty?.value.length).toBe(0);
      expect(middle && hex(middle.value) === hex(large)).toBe(true);
      expect(end && text(end.value)).toBe("end");
    });

    test("loses what is trimmed and nothing else, and goes on after it", async () => {
      await append(first, "1", "2", "3", "4");
      const events = await readAll();
      await store().trimEvents(partition, "");
      expect(await eventTexts(store(), partition)).toHaveLength(4);
      await store().trimEvents(partition, events[1]?.position ?? "");
      expect(await eventTexts(store(), partition)).toEqual(["3", "4"]);
      await store().trimEvents(partition, events[0]?.position ?? "");
      expect(await eventTexts(store(), partition)).toEqual(["3", "4"]);
      await store().trimEvents(partition, events[3]?.position ?? "");
      expect(await readAll()).toEqual([]);
      await append(first, "5");
      const after = await store().readEvents(partition, events[3]?.position ?? "", 10);
      expect(after.map(event => text(event.value))).toEqual(["5"]);
      expect(await store().readEvents(partition, events[0]?.position ?? "", 10)).toEqual(after);
    });

    test("trims thousands of events", async () => {
      await append(first, ...Array.from({ length: 2500 }, (_, n) => `${n}`));
      await append(devEuisIn(partition + 1, 1)[0] ?? first, "neighbour");
      const events = await store().readEvents(partition, "", 5000);
      await store().trimEvents(partition, events[2400]?.position ?? "");
      expect(await eventTexts(store(), partition)).toHaveLength(99);
      expect(await eventTexts(store(), partition + 1)).toEqual(["neighbour"]);
    });

    test("listeners hear of a partition's new events by the time they can be read, until they unsubscribe", async () => {
      const heard: number[] = [];
      const found: Promise<number>[] = [];
      const unsubscribe = store().onEvents(each => {
        heard.push(each);
        if (each === partition) found.push(readAll().then(events => events.length));
      });
      await append(first, "1");
      await expect.poll(() => heard).toContain(partition);
      expect(await found[0]).toBe(1);
      await append(second, "2");
      await expect.poll(async () => Math.max(...(await Promise.all(found)))).toBe(2);
      unsubscribe();
      const count = heard.length;
      const others: number[] = [];
      store().onEvents(each => others.push(each));
      await append(first, "3");
      await expect.poll(() => others).toContain(partition);
      expect(heard).toHaveLength(count);
    });
  });

  test("what listeners are told was appended is what the log has, from where they were told before", async () => {
    const told: LoggedEvent[] = [];
    const holes: string[] = [];
    store().onEvents((each, appended) => {
      if (each !== partition || appended === undefined) return;
      if (appended.after !== (told.at(-1)?.position ?? "")) holes.push(appended.after);
      told.push(...appended.events);
    });
    await append(first, "1", "2");
    await append(second, "3");
    const device = { devEui: first, expectedVersion: 1, value: bytes("x"), devAddrs: [] };
    const together = await Promise.all([
      store().commit({ ...device, events: [bytes("4"), bytes("5")] }),
      store().commit({ ...device, events: [bytes("not this")] }),
      store().commit({ ...device, devEui: second, events: [bytes("6")] }),
    ]);
    expect(together.map(({ kind }) => kind)).toEqual(["committed", "conflict", "committed"]);
    await expect.poll(async () => (await readAll()).length).toBe(6);
    const plain = ({ position, devEui, value }: LoggedEvent) => ({ position, devEui, value: text(value) });
    // A store that tells nothing has nothing to be wrong about.
    if (told.length > 0) expect(told.map(plain)).toEqual((await readAll()).map(plain));
    expect(holes).toEqual([]);
  });

  describe("cursors", () => {
    test("move forward and never back", async () => {
      await append(first, "1", "2", "3");
      const [one = "", two = "", three = ""] = (await readAll()).map(event => event.position);
      await store().setCursor("app", partition, two);
      expect(await store().cursor("app", partition)).toBe(two);
      await store().setCursor("app", partition, one);
      await store().setCursor("app", partition, "");
      expect(await store().cursor("app", partition)).toBe(two);
      await Promise.all([three, one, two].map(position => store().setCursor("app", partition, position)));
      expect(await store().cursor("app", partition)).toBe(three);
    });

    test("belong to one consumer and one partition, and outlive trimming", async () => {
      await append(first, "1", "2");
      const [one = "", two = ""] = (await readAll()).map(event => event.position);
      await store().setCursor("app", partition, one);
      await store().setCursor("app 2", partition, two);
      expect(await store().cursor("app", partition)).toBe(one);
      expect(await store().cursor("app 2", partition)).toBe(two);
      expect(await store().cursor("app", partition + 1)).toBe("");
      expect(await store().cursor("ap", partition)).toBe("");
      await store().trimEvents(partition, two);
      expect(await store().cursor("app", partition)).toBe(one);
    });
  });
}
