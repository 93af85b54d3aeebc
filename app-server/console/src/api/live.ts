import { useEffect, useRef, useSyncExternalStore } from "react";
import { queryClient } from "./queries.ts";

/** An event as the stream has it; `content` is the JSON that MQTT has too. */
export interface LiveEvent {
  readonly kind: string;
  readonly id: string;
  readonly content: unknown;
}

export type LiveState = "idle" | "connecting" | "live" | "lost";

const kinds = ["up", "down", "join", "ack", "txack", "log", "status", "location", "gap", "end"] as const;
const reconnectMs = 3_000;

/** How the page's streams are doing, for the sign in its header: the worst of them. */
class StreamStates {
  readonly #states = new Map<object, LiveState>();
  readonly #listeners = new Set<() => void>();

  set(stream: object, state: LiveState | undefined): void {
    if (state === undefined) this.#states.delete(stream);
    else this.#states.set(stream, state);
    for (const listener of this.#listeners) listener();
  }

  readonly worst = (): LiveState => {
    const states = [...this.#states.values()];
    return (["lost", "connecting", "live"] as const).find(state => states.includes(state)) ?? "idle";
  };

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };
}

const streams = new StreamStates();

export const useLiveState = (): LiveState => useSyncExternalStore(streams.subscribe, streams.worst);

/**
 * Calls `onEvent` with what comes on a stream of the API while the component is shown; `path` undefined opens none. The
 * browser connects again by itself and tells where it was; when the server has ended the stream, a new one is opened.
 */
export function useStream(path: string | undefined, onEvent: (event: LiveEvent) => void): void {
  const latest = useRef(onEvent);
  latest.current = onEvent;
  useEffect(() => {
    if (path === undefined) return;
    const stream = {};
    let source: EventSource;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const open = (): void => {
      streams.set(stream, "connecting");
      source = new EventSource(path);
      source.onopen = () => streams.set(stream, "live");
      source.onerror = () => {
        streams.set(stream, "lost");
        if (source.readyState !== EventSource.CLOSED) return;
        // The browser does not say what was answered: it may be that the login has ended.
        void queryClient.invalidateQueries({ queryKey: ["me"] });
        timer = setTimeout(open, reconnectMs);
      };
      for (const kind of kinds) {
        source.addEventListener(kind, ({ data, lastEventId }: MessageEvent<string>) => {
          const content: unknown = JSON.parse(data);
          latest.current({ kind, id: lastEventId, content });
        });
      }
    };
    open();
    return () => {
      clearTimeout(timer);
      source.close();
      streams.set(stream, undefined);
    };
  }, [path]);
}
