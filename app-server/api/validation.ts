import type { FastifySchemaCompiler } from "fastify";
import type { TSchema } from "typebox";
import { Compile } from "typebox/compile";
import { Refusal } from "./refusal.ts";

/** Nothing a client sends is deeper than this; deeper values would overflow whoever walks them. */
const maxDepth = 32;
const maxFaults = 10;

/**
 * Checks requests with TypeBox, which made the types. Text becomes a number only where HTTP has nothing but text: in
 * paths and queries.
 */
export const compileValidator: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  const compiled = Compile(schema);
  return (value: unknown) => {
    const converted = httpPart === "body" ? value : compiled.Convert(value);
    if (!compiled.Check(converted)) {
      const faults = compiled.Errors(converted).filter(fault => fault.keyword !== "boolean");
      return { error: withoutRepeats(faults) };
    }
    return { value: converted };
  };
};

function withoutRepeats<Fault extends { readonly instancePath: string; readonly message: string }>(
  faults: readonly Fault[],
): Fault[] {
  const seen = new Set<string>();
  return faults
    .filter(fault => {
      const key = `${fault.instancePath} ${fault.message}`;
      if (seen.has(key)) return false;
      seen.add(key);
      return true;
    })
    .slice(0, maxFaults);
}

/** Refuses text that no database column holds (NUL, half a surrogate pair), wherever it hides, and endless nesting. */
export function refuseUnstorable(value: unknown, path: string, depth = 0): void {
  if (typeof value === "string") {
    if (value.includes("\0") || !value.isWellFormed()) {
      throw new Refusal("invalid_request", "Text is Unicode without NUL characters.", path);
    }
    return;
  }
  if (typeof value !== "object" || value === null) return;
  if (depth === maxDepth) throw new Refusal("invalid_request", "The value is nested too deeply.", path);
  for (const [name, member] of Object.entries(value)) {
    refuseUnstorable(name, path, depth);
    refuseUnstorable(member, `${path}/${name}`, depth + 1);
  }
}
