export interface ServerSentEvent {
  /** `message` unless the server named another. */
  readonly name: string;
  /** Absent for a block that only tells where the stream is. */
  readonly data?: string;
  /** By which a later connection can go on after this event. */
  readonly id?: string;
}

/** What comes of the lines of one event; undefined for comments and other blocks with neither data nor id. */
function eventOf(block: string): ServerSentEvent | undefined {
  let name = "message";
  let id: string | undefined;
  const data: string[] = [];
  for (const line of block.split("\n")) {
    const [, field = "", value = ""] = /^([^:]*):? ?(.*)$/s.exec(line) ?? [];
    if (field === "event") name = value;
    if (field === "id") id = value;
    if (field === "data") data.push(value);
  }
  if (data.length === 0 && id === undefined) return undefined;
  return { name, ...(data.length > 0 && { data: data.join("\n") }), ...(id !== undefined && { id }) };
}

/** The chunks of a body; not every browser's streams are async iterable. */
async function* chunksOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
  } finally {
    // A body that failed has nothing to cancel, and says so.
    await reader.cancel().catch(() => undefined);
  }
}

/** Events of a stream as they come (HTML Living Standard 9.2.6); an unfinished last one is dropped. */
export async function* readServerSentEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerSentEvent> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of chunksOf(body)) {
    // A \r at the end may be half of \r\n: it waits for the next chunk.
    const whole = text + decoder.decode(chunk, { stream: true });
    const held = whole.endsWith("\r") ? "\r" : "";
    text = whole.slice(0, whole.length - held.length).replace(/\r\n?/g, "\n");
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const event = eventOf(text.slice(0, end));
      text = text.slice(end + 2);
      if (event !== undefined) yield event;
    }
    text += held;
  }
}
