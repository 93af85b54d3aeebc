import { CommandFailed } from "./errors.ts";

/** By the name of its file. */
export const scriptKindOf = (file: string): "javascript" | "typescript" =>
  /\.[cm]?ts$/i.test(file) ? "typescript" : "javascript";

/** Throws CommandFailed. */
export function jsonContent(content: string): unknown {
  try {
    const value: unknown = JSON.parse(content);
    return value;
  } catch (error) {
    throw new CommandFailed("unreadable_file", `this is no JSON: ${error instanceof Error ? error.message : ""}`);
  }
}
