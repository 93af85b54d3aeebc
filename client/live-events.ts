import { readServerSentEvents, type ServerSentEvent } from "./server-sent-events.ts";

/** What came of an attempt to open a stream: its body, or a fault that another attempt may not meet. */
export type Opened =
  | { readonly kind: "open"; readonly body: ReadableStream<Uint8Array> }
  | { readonly kind: "failed"; readonly fault: unknown; readonly retryAfterMs: number };

export interface FollowOptions {
  /** Throws what makes further attempts useless. */
  readonly open: (lastEventId: string | undefined, signal: AbortSignal) => Promise<Opened>;
  /** Of the last event that was read before. */
  readonly lastEventId: string | undefined;
  readonly signal: AbortSignal;
}

const firstDelayMs = 500;
const longestDelayMs = 15_000;
/** A server says something every 15 s: one that is silent for so long is gone, and the system has not told us. */
const longestSilenceMs = 50_000;

/** Between half of the delay and all of it, so that clients that lost one server do not come back as one. */
const withJitter = (delayMs: number): number => delayMs * (0.5 + Math.random() / 2);

function pause(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, delayMs);
    signal.addEventListener("abort", done);
  });
}

/** The blocks of one connection until it ends, for whatever reason. */
async function* blocksOf(body: ReadableStream<Uint8Array>, giveUp: () => void): AsyncGenerator<ServerSentEvent> {
  const blocks = readServerSentEvents(body);
  for (;;) {
    const timer = setTimeout(giveUp, longestSilenceMs);
    const next = await blocks.next().catch(() => undefined);
    clearTimeout(timer);
    if (next === undefined || next.done === true) return;
    yield next.value;
  }
}

/**
 * Events of a stream, over lost connections: each attempt goes on after the last event that was read, and waits longer than
 * the one before. The first must succeed. Throws what `open` throws, and the signal's reason when that is aborted.
 */
export async function* followEvents(options: FollowOptions): AsyncGenerator<ServerSentEvent & { data: string }> {
  const { open, signal } = options;
  let { lastEventId } = options;
  let hasOpened = false;
  let delayMs = firstDelayMs;
  for (;;) {
    signal.throwIfAborted();
    const connection = new AbortController();
    const abort = (): void => connection.abort(signal.reason);
    signal.addEventListener("abort", abort);
    let retryAfterMs = 0;
    try {
      const opened = await open(lastEventId, connection.signal);
      if (opened.kind === "failed") {
        if (!hasOpened) throw opened.fault;
        ({ retryAfterMs } = opened);
      } else {
        hasOpened = true;
        for await (const { data, ...block } of blocksOf(opened.body, () => connection.abort())) {
          delayMs = firstDelayMs;
          if (data !== undefined && block.name !== "end") yield { ...block, data };
          lastEventId = block.id ?? lastEventId;
        }
      }
    } finally {
      signal.removeEventListener("abort", abort);
      connection.abort();
    }
    await pause(Math.max(withJitter(delayMs), retryAfterMs), signal);
    delayMs = Math.min(2 * delayMs, longestDelayMs);
  }
}
