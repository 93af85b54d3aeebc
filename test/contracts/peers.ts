import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Peers } from "../../platform/peers/peers.ts";

export interface OpenPeers {
  join(): Promise<Peers>;
  readonly cleanup: () => Promise<void>;
}

/** The contract of Peers: every implementation passes it. */
export function describePeers(name: string, open: () => Promise<OpenPeers>): void {
  describe(`${name} as peers`, () => {
    let opened: OpenPeers;
    const joined: Peers[] = [];
    const join = async (): Promise<Peers> => {
      const peers = await opened.join();
      joined.push(peers);
      return peers;
    };
    beforeEach(async () => {
      opened = await open();
    });
    afterEach(async () => {
      await Promise.all(joined.splice(0).map(peers => peers.close()));
      await opened.cleanup();
    });

    test("what one is told has its sender, and topics do not mix", async () => {
      const [one, other] = [await join(), await join()];
      const told = Promise.withResolvers<readonly string[]>();
      other.onTold("weather", () => told.reject(new Error("another topic")));
      other.onTold("news", (message, from) => told.resolve([message, from]));
      expect(await one.tell(other.instance, "news", "hear: \u00e9 {}\n")).toBe(true);
      expect(await told.promise).toEqual(["hear: \u00e9 {}\n", one.instance]);
    });

    test("a question comes back with its own answer, several at once", async () => {
      const [one, other] = [await join(), await join()];
      other.onAsked("double", async message => String(2 * Number(message)));
      const answers = await Promise.all([1, 2, 3].map(n => one.ask(other.instance, "double", String(n), 5000)));
      expect(answers).toEqual(["2", "4", "6"].map(message => ({ kind: "answered", message })));
    });

    test("nobody is absent, one who does not answer is silent, and one who left is absent", async () => {
      const [one, other] = [await join(), await join()];
      expect(await one.ask("nobody", "double", "1", 5000)).toEqual({ kind: "absent" });
      expect(await one.tell("nobody", "news", "")).toBe(false);
      other.onAsked("double", async () => {
        throw new Error("no");
      });
      expect(await one.ask(other.instance, "double", "1", 50)).toEqual({ kind: "silent" });
      expect(await one.ask(other.instance, "triple", "1", 50)).toEqual({ kind: "silent" });
      await other.close();
      expect(await one.ask(other.instance, "double", "1", 5000)).toEqual({ kind: "absent" });
    });

    test("everybody is told but the one who tells", async () => {
      const [one, two, three] = [await join(), await join(), await join()];
      const heard: string[] = [];
      const all = Promise.withResolvers<void>();
      for (const peers of [one, two, three]) {
        peers.onTold("news", () => {
          heard.push(peers.instance);
          if (heard.length >= 2) all.resolve();
        });
      }
      await one.tellAll("news", "");
      await all.promise;
      expect(heard.sort()).toEqual([two.instance, three.instance].sort());
    });

    test("a claim is for one alone, who may ask again, until its time is over", async () => {
      const [one, other] = [await join(), await join()];
      const holders = await Promise.all([one, other, one, other].map(peers => peers.claim("frame", 10_000)));
      expect(new Set(holders).size).toBe(1);
      const [holder] = holders;
      expect([one.instance, other.instance]).toContain(holder);
      const free = holder === one.instance ? other : one;
      expect(await free.claim("another", 10_000)).toBe(free.instance);
      expect(await one.claim("short", 1)).toBe(one.instance);
      while ((await other.claim("short", 1)) !== other.instance) await new Promise(resolve => setTimeout(resolve, 5));
    });

    test("a listener that was taken away is not called", async () => {
      const [one, other] = [await join(), await join()];
      const heard: string[] = [];
      const last = Promise.withResolvers<void>();
      other.onTold("news", message => message === "last" && last.resolve());
      const stop = other.onTold("news", message => heard.push(message));
      await one.tell(other.instance, "news", "first");
      while (heard.length === 0) await new Promise(resolve => setTimeout(resolve, 5));
      stop();
      await one.tell(other.instance, "news", "last");
      await last.promise;
      expect(heard).toEqual(["first"]);
    });
  });
}
