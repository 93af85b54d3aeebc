export interface ServerSentEvent {
  /** `message` unless the server named another. */
  readonly name: string;
  readonly data: string;
  /** By which a later connection can go on after this event. */
  readonly id?: string;
}

/** What comes of the lines of one event; undefined for comments and other blocks without data. */
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
  return data.length === 0 ? undefined : { name, data: data.join("\n"), ...(id !== undefined && { id }) };
}

/** Events of a stream as they come (HTML Living Standard 9.2.6); an unfinished last one is dropped. */
export async function* readServerSentEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerSentEvent> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of body) {
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
