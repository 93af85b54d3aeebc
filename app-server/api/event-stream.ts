import { Readable } from "node:stream";

/** One event of a stream; a client that comes back names the last id that it had. */
export interface StreamedEvent {
  readonly id: string;
  readonly event: { readonly kind: string; readonly json: string };
}

export interface EventStream {
  readonly body: Readable;
  send(numbered: StreamedEvent): void;
  /** Says that events before what comes now are missing. */
  gap(message: string): void;
  comment(text: string): void;
  /** Says why, so that a client can tell it from a lost connection, and ends. */
  end(code: "too_slow" | "server_stopping" | "access_ended", message: string): void;
}

/** One block of an event stream (HTML Living Standard 9.2): a line break in data starts another data line. */
const block = (event: string, data: string, id?: string): string =>
  `${id === undefined ? "" : `id: ${id}\n`}event: ${event}\n${data
    .split(/\r\n|\r|\n/)
    .map(line => `data: ${line}\n`)
    .join("")}\n`;

/**
 * Server-Sent Events with a bounded buffer. A client that does not keep up is told and cut off: events it missed would
 * be a gap that it cannot see.
 */
export function createEventStream(maxWaitingBytes: number): EventStream {
  // Pushed from outside: there is nothing to do when the reader wants more.
  const body = new Readable({ read: () => undefined });
  let open = true;
  body.once("close", () => {
    open = false;
  });
  const end: EventStream["end"] = (code, message) => {
    if (!open) return;
    open = false;
    body.push(block("end", JSON.stringify({ code, message })));
    body.push(null);
  };
  const write = (text: string) => {
    if (!open) return;
    if (body.readableLength + text.length > maxWaitingBytes) {
      end("too_slow", "Events came faster than this client took them; connect again.");
    } else {
      body.push(text);
    }
  };
  return {
    body,
    send: ({ id, event }) => write(block(event.kind, event.json, id)),
    gap: message => write(block("gap", JSON.stringify({ message }))),
    comment: text => write(`: ${text}\n\n`),
    end,
  };
}
