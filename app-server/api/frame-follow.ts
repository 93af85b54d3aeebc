import type { Clock } from "../../platform/clock.ts";
import type { FrameBatch, FrameInterest, FrameStream } from "../../platform/frames/frame-feed.ts";
import { type FrameRecord, isFrameId } from "../../platform/frames/frame-record.ts";
import type { Log } from "../../platform/log.ts";
import type { History } from "../history-ports.ts";
import { frameAnswer } from "./frame-answer.ts";
import { isWished, type Looking } from "./frame-looking.ts";
import { createHistoryReaders } from "./history-readers.ts";
import type { LiveStream } from "./live-stream.ts";

/** What one stream carries. */
export interface WantedFrames extends Looking {
  readonly interest: FrameInterest;
}

export interface FrameFollowerOptions {
  readonly frames: FrameStream;
  /** Absent: no frames are kept, and none are repeated. */
  readonly history?: Pick<History, "frame" | "framesAfter"> | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

export interface FrameFollower {
  /**
   * Sends to the stream what the history has of frames after the one with the id `lastId`, then what comes; says first where
   * some of it may be missing. Gives what ends that.
   */
  follow(stream: LiveStream, lastId: string | undefined, wanted: WantedFrames): () => void;
}

/** Few enough that a page is nothing for memory. */
const pageSize = 250;
/** Frames that one stream is sent out of the history; there are lists and downloads for more. */
const maxRepeated = 10_000;
/** Frames that come while a stream is still given those that were. */
const maxHeld = 2_000;
/** In which what was told live is in the history too, as a rule: batches wait for a second on a busy process. */
const settleMs = 2_000;

export function createFrameFollower({ frames, history, clock, log }: FrameFollowerOptions): FrameFollower {
  const inTurn = createHistoryReaders();
  return {
    follow(stream, lastId, { interest, filter, view }) {
      const send = (frame: FrameRecord): void =>
        stream.send({ id: frame.id, item: { kind: frame.direction, json: JSON.stringify(frameAnswer(frame, view)) } });
      const tellLeftOut = (count: number): void => {
        if (count > 0) stream.gap("too_many_frames", `Too many frames came at once; up to ${count} are missing.`);
      };
      const isToBeRepeated = lastId !== undefined && history !== undefined;
      if (lastId !== undefined && history === undefined) {
        stream.gap("frames_not_repeated", "No frames are kept here: those since then are not sent again.");
      }

      let isOpen = true;
      /** Frames that came meanwhile, until those that were are sent. */
      let held = isToBeRepeated ? new Map<string, FrameRecord>() : undefined;
      let leftOut = 0;
      /** The latest that the history gave: some may be told live later still. */
      const repeated = new Set<string>();
      const hear = (batch: FrameBatch): void => {
        const news = batch.frames.filter(frame => isWished(frame, filter) && !repeated.delete(frame.id));
        if (held === undefined) {
          news.toSorted(byId).forEach(send);
          tellLeftOut(batch.leftOut);
          return;
        }
        leftOut += batch.leftOut;
        for (const frame of news) {
          if (held.size < maxHeld) held.set(frame.id, frame);
          else leftOut += 1;
        }
      };
      const goLive = async (): Promise<void> => {
        while (held !== undefined && held.size > 0) {
          const waiting = [...held.values()].toSorted(byId);
          held.clear();
          for (const frame of waiting) {
            if (!(await stream.room()) || !isOpen) return;
            send(frame);
          }
        }
        held = undefined;
        tellLeftOut(leftOut);
      };
      const repeat = (frame: FrameRecord): void => {
        send(frame);
        if (held?.delete(frame.id)) return;
        for (const oldest of repeated) {
          if (repeated.size < maxHeld) break;
          repeated.delete(oldest);
        }
        repeated.add(frame.id);
      };

      let endPause = (): void => {};
      const settled = (): Promise<void> =>
        new Promise(resolve => {
          const cancel = clock.after(settleMs, resolve);
          endPause = () => {
            cancel();
            resolve();
          };
        });

      /** Page by page as the client takes them; those that came meanwhile wait. */
      const catchUp = async (from: Pick<History, "frame" | "framesAfter">, id: string): Promise<void> => {
        const { direction: _, result: __, devAddr: ___, ...whole } = filter;
        // The oldest go first: while this one is there, so is what was kept after it.
        if ((await inTurn(() => from.frame(whole, id))) === undefined) {
          stream.gap("frames_incomplete", "The history does not have this frame, and may lack others since then.");
        }
        let after: string | undefined = id;
        for (let count = 0; after !== undefined; count += pageSize) {
          if (count >= maxRepeated) {
            stream.gap("too_many_frames", `More than ${maxRepeated} frames came since then; later ones are missing.`);
            return;
          }
          const last: string = after;
          const { items, next } = await inTurn(() => from.framesAfter(filter, last, pageSize));
          for (const frame of items) {
            if (!(await stream.room()) || !isOpen) return;
            repeat(frame);
          }
          after = next;
        }
      };
      const resume = async (from: Pick<History, "frame" | "framesAfter">, id: string): Promise<void> => {
        try {
          if (isFrameId(id)) {
            await settled();
            if (!isOpen) return;
            await catchUp(from, id);
          } else {
            stream.gap("frames_unknown", "This is the id of no frame; frames since then are missing.");
          }
          await goLive();
        } catch (error) {
          log.warn({ err: error }, "a stream of frames cannot go on, since the history cannot be read");
          stream.end("history_away", "What was missed cannot be read now; connect again.");
        }
      };

      const unsubscribe = frames.subscribe(interest, hear);
      if (lastId !== undefined && history !== undefined) void resume(history, lastId);
      return () => {
        isOpen = false;
        unsubscribe();
        endPause();
      };
    },
  };
}

const byId = (one: FrameRecord, other: FrameRecord): number => (one.id < other.id ? -1 : 1);
