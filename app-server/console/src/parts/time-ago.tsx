import { Text, Tooltip } from "@mantine/core";
import { useEffect, useState } from "react";

const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "long" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const units = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
] as const;

/** `3 minutes ago`; times within a second of now are now, whatever the browser's clock says. */
export function agoText(atMs: number, nowMs: number): string {
  const seconds = Math.round((atMs - nowMs) / 1000);
  const [unit, length] = units.find(([, size]) => Math.abs(seconds) >= size) ?? ["second", 1];
  return relative.format(Math.trunc(seconds / length), unit);
}

export interface TimeAgoProps {
  /** RFC 3339; left out or null where it never happened. */
  readonly time: string | null | undefined;
  readonly never?: string;
}

/** How long ago something was, kept current, with the exact time at a touch. */
export function TimeAgo({ time, never = "never" }: TimeAgoProps) {
  const [nowMs, setNowMs] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNowMs(Date.now()), 10_000);
    return () => clearInterval(timer);
  }, []);
  if (time === null || time === undefined) {
    return (
      <Text span inherit c="dimmed">
        {never}
      </Text>
    );
  }
  const at = new Date(time);
  return (
    <Tooltip label={exact.format(at)}>
      <time dateTime={time}>{agoText(at.getTime(), Math.max(nowMs, at.getTime()))}</time>
    </Tooltip>
  );
}
