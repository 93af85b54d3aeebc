import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { ApiProblem, createClient, type LiveEvent } from "../../client/client.ts";
import { followEvents, type Opened } from "../../client/live-events.ts";
import { startTestApi, type TestApi } from "../support/api.ts";
import { addTenantWithDevice, type TenantWithDevice } from "../support/catalog.ts";
import { type CuttingProxy, startCuttingProxy } from "../support/cutting-proxy.ts";

let api: TestApi;
let ours: TenantWithDevice;
let proxy: CuttingProxy;
beforeAll(async () => {
  api = await startTestApi();
  ours = await addTenantWithDevice(api.repositories, "ours", "0000000000000001");
  const url = new URL(await api.app.listen({ host: "127.0.0.1", port: 0 }));
  proxy = await startCuttingProxy(Number(url.port));
});
afterAll(async () => {
  await proxy.close();
  await api.end();
});
afterEach(() => vi.useRealTimers());

function emit(n: number, kind: "up" | "log" = "up"): void {
  const { tenant, application, device } = ours;
  const ids = { tenantId: tenant.id, applicationId: application.id, devEui: device.devEui };
  api.feed.emit({ kind, ...ids, json: JSON.stringify({ n, text: `event number ${n}.` }) });
}

async function follow(kind: "up"[] = [], fetch: (request: Request) => Promise<Response> = globalThis.fetch) {
  const key = { tenantId: ours.tenant.id, name: "follower", role: "viewer", expiresAt: null } as const;
  const { apiKey, token } = await api.repositories.apiKeys.create(key);
  const client = createClient({ url: `http://127.0.0.1:${proxy.port}`, token, fetch });
  return { apiKey, events: client.events({ kind }) };
}

const numberOf = ({ value }: IteratorResult<LiveEvent>): unknown => value?.content.n;
const listening = () => vi.waitUntil(() => api.feed.listeners.size > 0, { timeout: 20_000 });

describe("live events of the client", () => {
  test("are neither missed nor doubled when the connection is cut, in the middle of one or between two", async () => {
    const { events } = await follow();
    const numbers: unknown[] = [];
    const all = (async () => {
      while (numbers.length < 40) numbers.push(numberOf(await events.next()));
    })();
    await listening();
    for (let n = 0; n < 40; n += 1) {
      const cut = n % 13 === 12 ? proxy.cutWithin(`event number ${n}.`) : undefined;
      emit(n);
      if (cut === undefined) continue;
      await cut;
      // One while the client is away, and the next once it is back.
      n += 1;
      emit(n);
      await vi.waitUntil(() => numbers.length === n + 1, { timeout: 20_000 });
    }
    await all;
    expect(numbers).toEqual(Array.from({ length: 40 }, (_, n) => n));
    await events.return(undefined);
  });

  test("go on where the stream was when it was cut before anything of interest came", async () => {
    let seen = "";
    const { events } = await follow(["up"], async request => {
      const { body, status } = await fetch(request);
      const text = new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, controller) {
          seen += new TextDecoder().decode(chunk);
          controller.enqueue(chunk);
        },
      });
      return new Response(body?.pipeThrough(text), { status });
    });
    const next = events.next();
    await vi.waitUntil(() => /id: \S+\n\n$/.test(seen), { timeout: 20_000 });
    const cut = proxy.cutWithin(": still here");
    await api.clock.advance(api.deps.streamHeartbeatMs);
    await cut;
    emit(1, "log");
    emit(2);
    expect((await next).value).toMatchObject({ kind: "up", content: { n: 2 } });
    await events.return(undefined);
  });

  test("end with the refusal once their key is deleted", async () => {
    const { apiKey, events } = await follow();
    const next = events.next();
    await listening();
    await api.repositories.apiKeys.remove(apiKey.id);
    const refused = expect(next).rejects.toThrow(ApiProblem);
    await api.clock.advance(api.deps.streamHeartbeatMs);
    await refused;
  });

  test("fail at once when there is no server", async () => {
    const nobody = createClient({ url: "http://127.0.0.1:1", token: "x" });
    await expect(nobody.events().next()).rejects.toThrow("fetch failed");
  });
});

describe("attempts to open a stream again", () => {
  const bodyOf = (text: string): Opened => ({
    kind: "open",
    body: ReadableStream.from([new TextEncoder().encode(text)]),
  });
  const never = new AbortController().signal;

  /** When each attempt was made, with what comes of it; the last one is the end. */
  async function attempts(outcomes: readonly Opened[]): Promise<readonly number[]> {
    vi.useFakeTimers();
    const times: number[] = [];
    const open = async (): Promise<Opened> => {
      times.push(Date.now());
      const outcome = outcomes[times.length - 1];
      if (outcome === undefined) throw new Error("enough");
      return outcome;
    };
    const events = followEvents({ open, lastEventId: undefined, signal: never });
    const ended = expect(events.next()).rejects.toThrow("enough");
    await vi.advanceTimersByTimeAsync(1_000_000);
    await ended;
    return times.slice(1).map((time, index) => time - (times[index] ?? 0));
  }
  const failed = (retryAfterMs = 0): Opened => ({ kind: "failed", fault: new Error("away"), retryAfterMs });

  test("are made after ever longer pauses of random length, to a bound", async () => {
    const pauses = await attempts([bodyOf(""), ...Array.from({ length: 9 }, () => failed())]);
    for (const [index, pause] of pauses.entries()) {
      const longest = Math.min(500 * 2 ** index, 15_000);
      expect(pause).toBeLessThanOrEqual(longest + 1);
      expect(pause).toBeGreaterThanOrEqual(longest / 2);
    }
    expect(new Set(pauses.map(pause => pause % 500)).size).toBeGreaterThan(2);
  });

  test("wait for as long as the server asks, and are quick again after a stream that worked", async () => {
    const pauses = await attempts([bodyOf(""), failed(30_000), failed(), bodyOf("id: a\n\n"), failed()]);
    expect(pauses[1]).toBeGreaterThanOrEqual(30_000);
    expect(pauses[3]).toBeLessThanOrEqual(501);
  });

  test("are made when the server has been silent for too long", async () => {
    vi.useFakeTimers();
    const asked: (string | undefined)[] = [];
    const open = async (lastEventId: string | undefined, signal: AbortSignal): Promise<Opened> => {
      asked.push(lastEventId);
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          controller.enqueue(new TextEncoder().encode(`id: ${asked.length}\n\n`));
          signal.addEventListener("abort", () => controller.error(signal.reason));
        },
      });
      return { kind: "open", body };
    };
    const stop = new AbortController();
    const next = followEvents({ open, lastEventId: undefined, signal: stop.signal }).next();
    const ended = expect(next).rejects.toThrow("enough");
    await vi.advanceTimersByTimeAsync(52_000);
    expect(asked).toEqual([undefined, "1"]);
    stop.abort(new Error("enough"));
    await vi.advanceTimersByTimeAsync(1);
    await ended;
  });
});
