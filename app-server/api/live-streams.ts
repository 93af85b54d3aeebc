import type { FastifyRequest } from "fastify";
import type { Principal } from "./access.ts";
import { authenticate, callerOf } from "./authentication.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import type { LiveStream } from "./live-stream.ts";
import { Refusal } from "./refusal.ts";

/** Each stream costs memory and every item a look at it. */
const maxStreams = 500;
/** Of one user, key or token, so that nobody takes them all. */
export const maxStreamsPerCaller = 100;

export interface StreamOptions {
  readonly request: FastifyRequest;
  /** Sees what the caller may have of the stream as of now; asked again at every beat. Throws Refusal when that is nothing. */
  readonly check: (caller: Principal) => Promise<unknown>;
  /** Sends what there is from now on, and what was missed before it; gives what ends that. */
  readonly follow: (stream: LiveStream) => () => void;
  /** The id of the latest item, where a later stream can go on after it. */
  readonly position?: () => string | undefined;
}

/** The live streams of this process, whatever they carry and however: they share their limits and end with it. */
export interface LiveStreams {
  /**
   * Gives what is to be called, at once, with the stream that serves the request. Throws Refusal, while an ordinary answer
   * is still possible: `too_many_streams`, or as `check` does.
   */
  admit(options: StreamOptions): Promise<(stream: LiveStream) => void>;
}

/** Looks after one stream until its client leaves, loses its right, or the server stops. */
function serve(stream: LiveStream, { request, check, follow, position }: StreamOptions, deps: ApiDependencies): void {
  let isOpen = true;
  let cancel = (): void => {};
  const beat = async (): Promise<void> => {
    try {
      // A login or key may have ended, or changed its tenants, since the stream began.
      await check(await authenticate(request, deps));
    } catch (error) {
      if (error instanceof Refusal) stream.end("access_ended", "The login or API key no longer allows this.");
      // A database that is away for a moment says nothing about the right: asked again at the next beat.
    }
    if (!isOpen) return;
    stream.beat(position?.());
    cancel = deps.clock.after(deps.streamHeartbeatMs, beat);
  };
  const unfollow = follow(stream);
  stream.onClose(() => {
    isOpen = false;
    unfollow();
    cancel();
  });
  stream.beat(position?.());
  cancel = deps.clock.after(deps.streamHeartbeatMs, beat);
}

export function createLiveStreams(api: Api, deps: ApiDependencies): LiveStreams {
  /** Open streams, and whose they are. */
  const streams = new Map<LiveStream, string>();
  api.addHook("preClose", async () => {
    for (const stream of streams.keys()) stream.end("server_stopping", "The server stops; connect again.");
  });
  const check = (owner: string): void => {
    const own = [...streams.values()].filter(of => of === owner).length;
    if (streams.size < maxStreams && own < maxStreamsPerCaller) return;
    throw new Refusal("too_many_streams", "Too many event streams are open.");
  };
  return {
    async admit(options) {
      const caller = callerOf(options.request);
      const owner = `${caller.kind} ${caller.id}`;
      await options.check(caller);
      check(owner);
      return stream => {
        streams.set(stream, owner);
        stream.onClose(() => streams.delete(stream));
        serve(stream, options, deps);
      };
    },
  };
}
