import type { WebSocket } from "ws";
import type { Clock } from "../../platform/clock.ts";
import { type LiveStream, type LiveStreamEnd, tooSlowMessage } from "./live-stream.ts";

/** RFC 6455 7.4.1, and 1013 of IANA's registry. */
const closeCodes: Readonly<Record<LiveStreamEnd, number>> = {
  server_stopping: 1001,
  access_ended: 1008,
  history_away: 1013,
  too_slow: 1013,
};

/** How long the other side has to read what waits, and to close as well. */
const closingMs = 5_000;

/**
 * A live stream over a WebSocket, each message one JSON object: `{"kind","id","content"}`. What the other side sends is not
 * read; a ping that it has not answered by the next beat ends the connection.
 */
export function createSocketStream(socket: WebSocket, maxWaitingBytes: number, clock: Clock): LiveStream {
  let open = true;
  let hasAnswered = true;
  socket.on("pong", () => {
    hasAnswered = true;
  });
  // A fault of the connection is followed by its `close`.
  socket.on("error", () => undefined);
  let tellOfRoom = (): void => {};
  socket.once("close", () => {
    open = false;
    tellOfRoom();
  });
  const end: LiveStream["end"] = (code, message) => {
    if (!open) return;
    open = false;
    tellOfRoom();
    socket.send(JSON.stringify({ kind: "end", content: { code, message } }));
    socket.close(closeCodes[code], code);
    socket.once(
      "close",
      clock.after(closingMs, () => socket.terminate()),
    );
  };
  const write = (text: string) => {
    if (!open) return;
    if (socket.bufferedAmount + text.length > maxWaitingBytes) end("too_slow", tooSlowMessage);
    else socket.send(text, () => tellOfRoom());
  };
  return {
    send: ({ id, item: { kind, json } }) =>
      write(`{"kind":${JSON.stringify(kind)},"id":${JSON.stringify(id)},"content":${json}}`),
    gap: (code, message) => write(JSON.stringify({ kind: "gap", content: { code, message } })),
    async room() {
      while (open && socket.bufferedAmount > maxWaitingBytes / 2) {
        await new Promise<void>(resolve => {
          tellOfRoom = resolve;
        });
      }
      return open;
    },
    beat(position) {
      if (!open) return;
      if (!hasAnswered) {
        socket.terminate();
        return;
      }
      hasAnswered = false;
      socket.ping();
      if (position !== undefined) write(JSON.stringify({ kind: "position", id: position }));
    },
    end,
    onClose: listener => void socket.once("close", listener),
  };
}
