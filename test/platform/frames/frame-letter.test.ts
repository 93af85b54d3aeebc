import { expect, test } from "vitest";
import {
  frameOfText,
  frameText,
  readFrame,
  readFrames,
  writeFrame,
  writeFrames,
} from "../../../platform/frames/frame-letter.ts";
import { downlinkFrame, uplinkFrame } from "./records.ts";

const frames = [uplinkFrame(1), downlinkFrame(2)];

test("frames are read as they were written, one by one, together and without their bytes", () => {
  expect(frames.map(frame => frameOfText(frameText(frame)))).toEqual(frames);
  expect(readFrames(writeFrames({ frames, leftOut: 3 }))).toEqual({ frames, leftOut: 3 });
  expect(readFrames(writeFrames({ frames: [], leftOut: 0 }))).toEqual({ frames: [], leftOut: 0 });
  for (const frame of frames) {
    expect(readFrame(writeFrame(frame), Buffer.from(frame.phyPayload).toString("base64"))).toEqual(frame);
  }
});

test.each(["", "{", "null", "7", "[]", "{}", '{"direction":"up"}', '{"frames":[{}],"leftOut":0}'])(
  "%j is neither a frame nor frames",
  text => {
    expect(frameOfText(text)).toBeUndefined();
    expect(readFrames(text)).toBeUndefined();
    expect(readFrame(text, "QA==")).toBeUndefined();
  },
);
