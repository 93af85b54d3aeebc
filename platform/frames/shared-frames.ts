import Type from "typebox";
import { Compile } from "typebox/compile";
import type { DevEui, GatewayId } from "../../lorawan/ids.ts";
import type { Clock } from "../clock.ts";
import type { Peers } from "../peers/peers.ts";
import type { Unsubscribe } from "../state/store.ts";
import type { FrameBatch, FrameInterest, FrameStream } from "./frame-feed.ts";
import { readFrames, writeFrames } from "./frame-letter.ts";
import { type FrameRecord, gatewaysOf } from "./frame-record.ts";

const topics = { wanted: "frames-wanted", frames: "frames" };
/** Who listens says so this often, and is told for three times as long. */
const wantedEveryMs = 3_000;

const wantedSchema = Compile(
  Type.Object({
    devEuis: Type.Array(Type.Unsafe<DevEui>(Type.String())),
    gatewayIds: Type.Array(Type.Unsafe<GatewayId>(Type.String())),
  }),
);

interface Wanted {
  readonly devEuis: ReadonlySet<DevEui>;
  readonly gatewayIds: ReadonlySet<GatewayId>;
  readonly untilUs: number;
}

export interface SharedFrameStream extends FrameStream {
  close(): void;
}

/** Frames of one device or gateway, which are all that travels between processes. */
type OneInterest = Exclude<FrameInterest, { kind: "all" }>;

interface Listener {
  readonly interest: OneInterest;
  readonly tell: (batch: FrameBatch) => void;
}

/**
 * The frames of every network server of the installation, for listeners in any process. Those of a device or gateway are
 * carried to another process while somebody listens for it there. `all` is of this process alone.
 * @param local absent in a process without network server.
 */
export function createSharedFrameStream(local: FrameStream | undefined, peers: Peers, clock: Clock): SharedFrameStream {
  const listeners = new Set<Listener>();
  const wanted = new Map<string, Wanted>();
  let stopCarrying: Unsubscribe | undefined;
  let cancel = (): void => {};

  const carry = ({ frames, leftOut }: FrameBatch): void => {
    for (const [instance, { untilUs, devEuis, gatewayIds }] of wanted) {
      if (untilUs < clock.monotonicUs()) {
        wanted.delete(instance);
        continue;
      }
      const theirs = frames.filter(frame => isFor(frame, devEuis, gatewayIds));
      if (theirs.length > 0 || leftOut > 0) {
        void peers.tell(instance, topics.frames, writeFrames({ frames: theirs, leftOut }));
      }
    }
    if (wanted.size > 0) return;
    stopCarrying?.();
    stopCarrying = undefined;
  };
  const ask = (): void => {
    cancel();
    if (listeners.size === 0) return;
    const interests = [...listeners].map(({ interest }) => interest);
    const devEuis = interests.flatMap(interest => (interest.kind === "device" ? [interest.devEui] : []));
    const gatewayIds = interests.flatMap(interest => (interest.kind === "gateway" ? [interest.gatewayId] : []));
    void peers.tellAll(topics.wanted, JSON.stringify({ devEuis, gatewayIds }));
    cancel = clock.after(wantedEveryMs, ask);
  };
  const tellHere = ({ frames, leftOut }: FrameBatch): void => {
    for (const { interest, tell } of [...listeners]) {
      const theirs = frames.filter(frame =>
        interest.kind === "device"
          ? frame.subject?.devEui === interest.devEui
          : gatewaysOf(frame).includes(interest.gatewayId),
      );
      if (theirs.length > 0 || leftOut > 0) tell({ frames: theirs, leftOut });
    }
  };
  const ending = [
    peers.onTold(topics.wanted, (text, from) => {
      const value: unknown = JSON.parse(text);
      if (local === undefined || !wantedSchema.Check(value)) return;
      const untilUs = clock.monotonicUs() + 3 * wantedEveryMs * 1000;
      wanted.set(from, { devEuis: new Set(value.devEuis), gatewayIds: new Set(value.gatewayIds), untilUs });
      stopCarrying ??= local.subscribe({ kind: "all" }, carry);
    }),
    peers.onTold(topics.frames, text => {
      const batch = readFrames(text);
      if (batch) tellHere(batch);
    }),
  ];

  return {
    subscribe(interest, tell, room) {
      const fromHere = local?.subscribe(interest, tell, room);
      if (interest.kind === "all" || !peers.isShared) return fromHere ?? (() => {});
      const entry = { interest, tell };
      listeners.add(entry);
      ask();
      return () => {
        fromHere?.();
        listeners.delete(entry);
      };
    },
    close() {
      cancel();
      stopCarrying?.();
      listeners.clear();
      for (const end of ending) end();
    },
  };
}

const isFor = (frame: FrameRecord, devEuis: ReadonlySet<DevEui>, gatewayIds: ReadonlySet<GatewayId>): boolean =>
  (frame.subject !== undefined && devEuis.has(frame.subject.devEui)) ||
  gatewaysOf(frame).some(gatewayId => gatewayIds.has(gatewayId));
