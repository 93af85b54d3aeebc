import { Badge, Tooltip } from "@mantine/core";
import { type LiveState, useLiveState } from "../api/live.ts";

const signs: Readonly<Record<Exclude<LiveState, "idle">, { color: string; label: string; text: string }>> = {
  connecting: { color: "gray", label: "connecting", text: "The stream of live events is being opened." },
  live: { color: "teal", label: "live", text: "This page shows what happens as it happens." },
  lost: {
    color: "red",
    label: "not live",
    text: "The connection to the server is lost. It is tried again every few seconds; what is shown may be old.",
  },
};

/** Whether what the page shows is still fed. */
export function LiveSign() {
  const state = useLiveState();
  if (state === "idle") return null;
  const { color, label, text } = signs[state];
  return (
    <Tooltip label={text} multiline maw={260}>
      <Badge color={color} variant="dot" role="status" tabIndex={0}>
        {label}
      </Badge>
    </Tooltip>
  );
}
