import { readText, sourcesUnder } from "./markdown.ts";

/** Folders that the program consists of. */
const programFolders = [
  "migration",
  "lorawan",
  "platform",
  "network-server",
  "join-server",
  "app-server",
  "simulators",
  "cli",
  "profile-sources",
  "compose",
];

const withoutComments = (text: string): string =>
  text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/[^\n]*/g, "$1");

export interface Source {
  readonly path: string;
  readonly text: string;
}

export const programSources: readonly Source[] = [...sourcesUnder(...programFolders), "upchirp.ts"].map(path => ({
  path,
  text: withoutComments(readText(path)),
}));

/** The literals of `type Name = "a" | "b" | Other`, other unions of the sources included. Throws for a name that is none. */
export function unionOf(name: string, sources: readonly Source[] = programSources): readonly string[] {
  for (const { text } of sources) {
    const [, body] = new RegExp(`type ${name}\\s*=([^;]*);`).exec(text) ?? [];
    if (body === undefined) continue;
    const [, object] = /keyof typeof (\w+)/.exec(body) ?? [];
    if (object !== undefined) return keysOf(object, text);
    const literals = [...body.matchAll(/"([^"]*)"/g)].map(match => match[1] ?? "");
    const others = [...body.replace(/"[^"]*"/g, "").matchAll(/\b[A-Z]\w+/g)].flatMap(match =>
      unionOf(match[0], sources),
    );
    return [...literals, ...others];
  }
  throw new Error(`there is no union ${name}`);
}

/** Names of the members of `const name = { ... }`. */
export function keysOf(name: string, text: string): readonly string[] {
  const [, body] = new RegExp(`const ${name}\\b[^=]*= \\{\\n([\\s\\S]*?)\\n\\}`).exec(text) ?? [];
  if (body === undefined) throw new Error(`there is no object ${name}`);
  return [...body.matchAll(/^ {2}(\w+):/gm)].map(match => match[1] ?? "");
}

/** Every code of every class that is an UpchirpError, directly or through another. */
export function errorCodes(sources: readonly Source[] = programSources): ReadonlySet<string> {
  const classes = sources.flatMap(({ text }) =>
    [...text.matchAll(/class (\w+) extends (\w+)[^{]*\{([\s\S]*?)\n\}/g)].map(
      ([, name = "", parent = "", body = ""]) => ({
        name,
        parent,
        body,
      }),
    ),
  );
  const errors = new Set(["UpchirpError"]);
  for (let size = 0; size !== errors.size; ) {
    size = errors.size;
    for (const { name, parent } of classes) if (errors.has(parent)) errors.add(name);
  }
  const codes = new Set<string>();
  for (const { name, parent, body } of classes.filter(entry => errors.has(entry.parent))) {
    const literal = /readonly code = "([^"]+)"/.exec(body)?.[1];
    const union = /readonly code: (\w+);/.exec(body)?.[1];
    if (literal !== undefined) codes.add(literal);
    else if (union !== undefined) for (const code of unionOf(union, sources)) codes.add(code);
    else if (parent === "UpchirpError") throw new Error(`${name} has no code that can be read`);
  }
  return codes;
}
