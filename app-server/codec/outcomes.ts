import Type from "typebox";
import { Compile } from "typebox/compile";
import type { ScriptAnswer } from "../../platform/sandbox/script-answer.ts";
import type { CodecFailure, Normalized } from "../codec-ports.ts";
import type { DecodeOutcome, EncodeOutcome } from "../ports.ts";
import { alreadyNormalized, normalizedFrom } from "./normalized.ts";

const texts = Type.Array(Type.Unknown());
// Not a Record, which looks at every name: answers may have thousands.
const data = Type.Unsafe<Readonly<Record<string, unknown>>>(Type.Object({}));
const decodedValidator = Compile(
  Type.Object({
    data: Type.Optional(data),
    normalized: Type.Optional(
      Type.Union([Type.Object({ failure: Type.String() }), Type.Object({ answer: Type.Optional(Type.Unknown()) })]),
    ),
    warnings: Type.Optional(texts),
    errors: Type.Optional(texts),
  }),
);
const encodedValidator = Compile(
  Type.Object({
    fPort: Type.Optional(Type.Integer({ minimum: 1, maximum: 255 })),
    // Scripts that shift signed numbers return negative bytes; other servers take them modulo 256.
    bytes: Type.Optional(Type.Array(Type.Integer({ minimum: -128, maximum: 255 }), { maxItems: 1024 })),
    warnings: Type.Optional(texts),
    errors: Type.Optional(texts),
  }),
);

const mostTexts = 20;
const longestText = 1000;

/** Of `decodeUplink` or `decodeDownlink`; `name` for messages. */
export function decodedFrom(name: string, answer: ScriptAnswer): DecodeOutcome {
  if (answer.kind === "failed") return failureOf(answer);
  const result: unknown = JSON.parse(answer.json);
  const fail = (message: string, errors?: readonly string[]) => failed(answer, message, errors);
  if (!decodedValidator.Check(result)) return fail(`${name} did not return data as an object`);
  const errors = textsOf(result.errors);
  if (errors.length > 0) return fail(`${name} returned errors: ${errors.join(", ")}`, errors);
  if (result.data === undefined) return fail(`${name} did not return data`);
  const normalized = name === "decodeUplink" ? normalizedOf(result.data, result.normalized) : undefined;
  return {
    kind: "decoded",
    object: result.data,
    warnings: textsOf(result.warnings),
    ...(normalized && { normalized }),
    ...traceOf(answer),
  };
}

/** Of `encodeDownlink` or `encodeDesired`; `name` for messages. */
export function encodedFrom(name: string, answer: ScriptAnswer): EncodeOutcome {
  if (answer.kind === "failed") return failureOf(answer);
  const result: unknown = JSON.parse(answer.json);
  const fail = (message: string, errors?: readonly string[]) => failed(answer, message, errors);
  if (!encodedValidator.Check(result)) return fail(`${name} did not return bytes as whole numbers of 0 to 255`);
  const errors = textsOf(result.errors);
  if (errors.length > 0) return fail(`${name} returned errors: ${errors.join(", ")}`, errors);
  if (result.bytes === undefined) return fail(`${name} did not return bytes`);
  return {
    kind: "encoded",
    bytes: Uint8Array.from(result.bytes),
    warnings: textsOf(result.warnings),
    ...(result.fPort === undefined ? {} : { fPort: result.fPort }),
    ...traceOf(answer),
  };
}

export const failureOf = ({ message, place, trace }: Extract<ScriptAnswer, { kind: "failed" }>): CodecFailure => ({
  kind: "failed",
  message,
  ...(place && { place }),
  ...(trace && { trace }),
});

function normalizedOf(
  data: Readonly<Record<string, unknown>>,
  given: { readonly failure: string } | { readonly answer?: unknown } | undefined,
): Normalized | undefined {
  if (given === undefined) return alreadyNormalized(data);
  return "failure" in given
    ? { kind: "failed", message: `normalizeUplink: ${given.failure}` }
    : normalizedFrom(given.answer, textOf);
}

const failed = (answer: ScriptAnswer, message: string, errors?: readonly string[]): CodecFailure => ({
  kind: "failed",
  message,
  ...(errors && { errors }),
  ...traceOf(answer),
});

const traceOf = ({ trace }: ScriptAnswer) => (trace === undefined ? {} : { trace });

const textOf = (item: unknown): string =>
  (typeof item === "string" ? item : JSON.stringify(item)).slice(0, longestText);

const textsOf = (list: readonly unknown[] | undefined): string[] => (list ?? []).slice(0, mostTexts).map(textOf);
