import { Readable } from "node:stream";
import { type LiveStream, tooSlowMessage } from "./live-stream.ts";

export interface EventStream extends LiveStream {
  readonly body: Readable;
}

/** One block of an event stream (HTML Living Standard 9.2): a line break in data starts another data line. */
const block = (event: string, data: string, id?: string): string =>
  `${id === undefined ? "" : `id: ${id}\n`}event: ${event}\n${data
    .split(/\r\n|\r|\n/)
    .map(line => `data: ${line}\n`)
    .join("")}\n`;

/** Server-Sent Events. A beat is a block without data, of which a reader keeps the id and dispatches nothing. */
export function createEventStream(maxWaitingBytes: number): EventStream {
  let tellOfRoom = (): void => {};
  // Pushed from outside: the reader wants more when it has taken nearly all.
  const body = new Readable({ read: () => tellOfRoom() });
  let open = true;
  body.once("close", () => {
    open = false;
    tellOfRoom();
  });
  const end: EventStream["end"] = (code, message) => {
    if (!open) return;
    open = false;
    tellOfRoom();
    body.push(block("end", JSON.stringify({ code, message })));
    body.push(null);
  };
  const write = (text: string) => {
    if (!open) return;
    if (body.readableLength + text.length > maxWaitingBytes) end("too_slow", tooSlowMessage);
    else body.push(text);
  };
  return {
    body,
    send: ({ id, item }) => write(block(item.kind, item.json, id)),
    gap: (code, message) => write(block("gap", JSON.stringify({ code, message }))),
    async room() {
      while (open && body.readableLength > maxWaitingBytes / 2) {
        await new Promise<void>(resolve => {
          tellOfRoom = resolve;
        });
      }
      return open;
    },
    beat: position => write(`: still here\n${position === undefined ? "" : `id: ${position}\n`}\n`),
    end,
    onClose: listener => void body.once("close", listener),
  };
}
