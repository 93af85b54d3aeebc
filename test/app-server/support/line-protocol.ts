/** A point as InfluxDB reads it. */
export interface Point {
  readonly measurement: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly fields: Readonly<Record<string, number | boolean | string>>;
  readonly time: number;
}

/** Splits where the separator has no backslash before it and is in no text in quotes. */
function split(text: string, separator: string): readonly string[] {
  const parts: string[] = [];
  let part = "";
  let isQuoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at] ?? "";
    if (char === "\\") {
      part += char + (text[at + 1] ?? "");
      at += 1;
    } else if (char === separator && !isQuoted) {
      parts.push(part);
      part = "";
    } else {
      if (char === '"') isQuoted = !isQuoted;
      part += char;
    }
  }
  if (isQuoted) throw new Error(`a text does not end: ${text}`);
  return [...parts, part];
}

const name = (text: string): string => {
  const plain = text.replace(/\\([,= ])/g, "$1");
  if (plain === "" || plain.includes("\\")) throw new Error(`no name: ${text}`);
  return plain;
};

function value(text: string): number | boolean | string {
  if (/^".*"$/s.test(text)) return text.slice(1, -1).replace(/\\(["\\])/g, "$1");
  if (text === "true" || text === "false") return text === "true";
  if (!/^-?\d+(\.\d+)?(e[+-]?\d+)?$/.test(text)) throw new Error(`no value: ${text}`);
  return Number(text);
}

const pair = (text: string): readonly [string, string] => {
  const [key = "", ...rest] = split(text, "=");
  if (rest.length === 0) throw new Error(`no pair: ${text}`);
  return [name(key), rest.join("=")];
};

/** Throws Error for what is no line protocol. */
export const pointsOf = (body: string): readonly Point[] =>
  split(body, "\n").map(line => {
    const [key = "", fields = "", time = "", ...more] = split(line, " ");
    if (more.length > 0 || !/^-?\d+$/.test(time)) throw new Error(`no point: ${line}`);
    const [measurement = "", ...tags] = split(key, ",");
    return {
      measurement: name(measurement),
      tags: Object.fromEntries(tags.map(pair).map(([tag, text]) => [tag, name(text)])),
      fields: Object.fromEntries(
        split(fields, ",")
          .map(pair)
          .map(([field, text]) => [field, value(text)]),
      ),
      time: Number(time),
    };
  });
