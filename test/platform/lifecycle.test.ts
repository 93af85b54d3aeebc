import { EventEmitter } from "node:events";
import { describe, expect, test } from "vitest";
import { systemClock } from "../../platform/clock.ts";
import { createLifecycle, type Lifecycle, type Part, stopOnSignals } from "../../platform/lifecycle.ts";
import { createLog } from "../../platform/log.ts";
import { createVirtualClock } from "../support/virtual-clock.ts";

const log = createLog({ level: "silent" });

/** Parts that write down what is asked of them. */
function recorded(names: readonly string[], special: Partial<Record<string, Partial<Part>>> = {}) {
  const record: string[] = [];
  const clock = createVirtualClock();
  const lifecycle = createLifecycle({ log, clock });
  for (const name of names) {
    lifecycle.add({
      name,
      start: () => {
        record.push(`+${name}`);
      },
      stop: () => {
        record.push(`-${name}`);
      },
      ...special[name],
    });
  }
  return { record, lifecycle, clock };
}

const never = new Promise<void>(() => undefined);

describe("a lifecycle", () => {
  test("starts parts in their order and stops them in reverse", async () => {
    const { record, lifecycle } = recorded(["store", "server", "gateways"]);
    await lifecycle.start();
    await lifecycle.stop();
    expect(record).toEqual(["+store", "+server", "+gateways", "-gateways", "-server", "-store"]);
  });

  test("is ready from the last start to the first stop", async () => {
    const { lifecycle } = recorded(["store"], { store: { stop: () => never } });
    expect(lifecycle.ready()).toBe(false);
    await lifecycle.start();
    expect(lifecycle.ready()).toBe(true);
    void lifecycle.stop();
    expect(lifecycle.ready()).toBe(false);
  });

  test("stops what has started when a part does not start, and gives that part's fault", async () => {
    const fault = new Error("port taken");
    const start = () => Promise.reject(fault);
    const { record, lifecycle } = recorded(["store", "server", "gateways"], { server: { start } });
    await expect(lifecycle.start()).rejects.toBe(fault);
    expect(record).toEqual(["+store", "-store"]);
    expect(lifecycle.ready()).toBe(false);
  });

  test("stops once however often it is asked to", async () => {
    const { record, lifecycle } = recorded(["store"]);
    await lifecycle.start();
    await Promise.all([lifecycle.stop(), lifecycle.stop()]);
    await lifecycle.stop();
    expect(record).toEqual(["+store", "-store"]);
  });

  test("stops the other parts when one fails to stop", async () => {
    const stop = () => Promise.reject(new Error("broken pipe"));
    const { record, lifecycle } = recorded(["store", "server"], { server: { stop } });
    await lifecycle.start();
    await lifecycle.stop();
    expect(record).toEqual(["+store", "+server", "-store"]);
  });

  test("waits for a part that hangs no longer than its time", async () => {
    const { record, lifecycle, clock } = recorded(["store", "server"], {
      server: { stop: () => never, stopTimeoutMs: 500 },
    });
    await lifecycle.start();
    const stopped = lifecycle.stop();
    await Promise.resolve();
    await clock.advance(499);
    expect(record).not.toContain("-store");
    await clock.advance(1);
    await stopped;
    expect(record).toContain("-store");
  });

  test("obeys a stop that comes while it starts, after the part that is starting", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { record, lifecycle } = recorded(["store", "server"], { store: { start: () => promise } });
    const starting = lifecycle.start();
    const stopping = lifecycle.stop();
    resolve();
    await Promise.all([starting, stopping]);
    expect(record).toEqual(["-store"]);
    expect(lifecycle.ready()).toBe(false);
  });
});

describe("signals", () => {
  class FakeProcess extends EventEmitter {
    readonly codes: number[] = [];
    readonly exited = Promise.withResolvers<void>();
    readonly pid = 1;
    /** With whether anybody still listens to the signal, which would keep it from ending the process. */
    readonly killed: (readonly [number, string, boolean])[] = [];
    kill(pid: number, signal: string): void {
      this.killed.push([pid, signal, this.listenerCount(signal) > 0]);
    }
    exit(code: number): void {
      this.codes.push(code);
      this.exited.resolve();
    }
  }

  test("stop cleanly the first time", async () => {
    const lifecycle = createLifecycle({ log, clock: systemClock });
    const source = new FakeProcess();
    stopOnSignals(lifecycle, { log, clock: systemClock }, source);
    source.emit("SIGTERM", "SIGTERM");
    await source.exited.promise;
    expect(source.codes).toEqual([0]);
  });

  test("end the process at once the second time", async () => {
    const hanging: Pick<Lifecycle, "stop"> = { stop: () => never };
    const source = new FakeProcess();
    const clock = createVirtualClock();
    stopOnSignals(hanging, { log, clock }, source);
    source.emit("SIGTERM", "SIGTERM");
    await clock.advance(500);
    expect(source.codes).toEqual([]);
    source.emit("SIGINT", "SIGINT");
    expect(source.killed).toEqual([[1, "SIGINT", false]]);
    expect(source.codes).toEqual([130]);
  });

  test("of one Ctrl-C, from the terminal and from npm, count as one", async () => {
    const source = new FakeProcess();
    const clock = createVirtualClock();
    stopOnSignals({ stop: () => never }, { log, clock }, source);
    source.emit("SIGINT", "SIGINT");
    await clock.advance(3);
    source.emit("SIGINT", "SIGINT");
    expect(source.codes).toEqual([]);
  });

  test("are left alone again on request", () => {
    const source = new FakeProcess();
    stopOnSignals({ stop: () => never }, { log, clock: systemClock }, source)();
    expect(source.listenerCount("SIGINT") + source.listenerCount("SIGTERM")).toBe(0);
  });
});
