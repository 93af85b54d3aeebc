import { isRecord, type Place } from "./script-answer.ts";

type Stripped =
  | { readonly kind: "stripped"; readonly script: string }
  | { readonly kind: "refused"; readonly message: string; readonly place?: Place };

/** Loads the parser, which has several megabytes: only where it is needed, and in nobody's time but ours. */
export async function prepareTypeStripping(): Promise<void> {
  await stripTypes("let ready: boolean;");
}

/**
 * TypeScript without its types: blanks stand where they stood, so that lines and columns stay. Only syntax that vanishes is
 * accepted: no enums, no namespaces, no parameter properties. Blocks for as long as parsing takes.
 */
export async function stripTypes(script: string): Promise<Stripped> {
  const { transformSync } = await import("amaro");
  try {
    return { kind: "stripped", script: transformSync(script, { mode: "strip-only" }).code };
  } catch (error) {
    if (!isRecord(error)) return { kind: "refused", message: "the types cannot be taken out" };
    const { message, startLine, startColumn } = error;
    const place =
      typeof startLine === "number" && typeof startColumn === "number"
        ? { place: { line: startLine, column: startColumn + 1 } }
        : {};
    return { kind: "refused", message: String(message), ...place };
  }
}
