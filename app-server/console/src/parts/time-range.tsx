import { SegmentedControl } from "@mantine/core";
import { useState } from "react";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** Lengths of time that charts look back over, with the step that the server adds up. */
const ranges = {
  "6h": { label: "6 h", lengthMs: 6 * hourMs, every: "hour" },
  "24h": { label: "24 h", lengthMs: dayMs, every: "hour" },
  "7d": { label: "7 days", lengthMs: 7 * dayMs, every: "hour" },
  "30d": { label: "30 days", lengthMs: 30 * dayMs, every: "day" },
  "1y": { label: "1 year", lengthMs: 365 * dayMs, every: "day" },
} as const;

export type TimeRange = keyof typeof ranges;
export type Every = "hour" | "day";
const isRange = (text: string): text is TimeRange => text in ranges;

export interface TimeRangeChoiceProps {
  readonly value: TimeRange;
  readonly onChange: (range: TimeRange) => void;
}

/** How far back to look. */
export function TimeRangeChoice({ value, onChange }: TimeRangeChoiceProps) {
  return (
    <SegmentedControl
      size="xs"
      aria-label="Time"
      data={Object.entries(ranges).map(([key, { label }]) => ({ value: key, label }))}
      value={value}
      onChange={key => isRange(key) && onChange(key)}
    />
  );
}

export const useTimeRange = (first: TimeRange = "24h") => useState<TimeRange>(first);

const stepMs = { hour: hourMs, day: dayMs } as const;

/** What to ask the server for: RFC 3339, from the beginning of the first step. */
export function periodOf(range: TimeRange, nowMs: number = Date.now()): { since: string; every: Every } {
  const { lengthMs, every } = ranges[range];
  const step = stepMs[every];
  return { since: new Date(Math.floor((nowMs - lengthMs) / step) * step + step).toISOString(), every };
}

/** Every step of the range, whether anything was in it or not: milliseconds. */
export function stepsOf(range: TimeRange, nowMs: number = Date.now()): readonly number[] {
  const { since, every } = periodOf(range, nowMs);
  const [firstMs, step] = [Date.parse(since), stepMs[every]];
  return Array.from({ length: Math.floor((nowMs - firstMs) / step) + 1 }, (_, index) => firstMs + index * step);
}
