import Type from "typebox";
import { type CodecCase, type CodecRun, codecDirections } from "../codec-ports.ts";
import { Refusal } from "./refusal.ts";
import { strict, TagMap, TimeInput } from "./schemas.ts";

const AnyObject = Type.Record(Type.String(), Type.Unknown());
const Hex = Type.String({ pattern: "^([0-9a-fA-F]{2})*$", maxLength: 2048, description: "Hex." });
const FPort = Type.Integer({ minimum: 1, maximum: 255 });

export const runFields = {
  direction: Type.Enum([...codecDirections], {
    description: "What an uplink means, how a downlink is written, or what one means that was.",
  }),
  fPort: FPort,
  bytes: Type.Optional(Hex),
  object: Type.Optional(AnyObject),
  recvTime: Type.Optional(TimeInput),
  variables: Type.Optional(TagMap),
  tags: Type.Optional(TagMap),
};

const Case = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 200, pattern: "\\S" }),
    ...runFields,
    expected: Type.Object(
      {
        object: Type.Optional(AnyObject),
        normalizedPayload: Type.Optional(Type.Array(AnyObject, { maxItems: 1000 })),
        warnings: Type.Optional(Type.Array(Type.String(), { maxItems: 100 })),
        bytes: Type.Optional(Hex),
        fPort: Type.Optional(FPort),
        error: Type.Optional(Type.String({ maxLength: 1000 })),
      },
      { ...strict, description: "What is not there is not looked at. error: it has to fail, with this in its words." },
    ),
  },
  strict,
);

export const CodecCases = Type.Unsafe<readonly CodecCase[]>(
  Type.Array(Case, {
    maxItems: 100,
    description: "What the codec has to make of what; all of it is tried before a change of the codec is stored.",
  }),
);

/** Throws Refusal. */
export function checkCases(cases: readonly CodecCase[], path = "/body/codecCases"): readonly CodecCase[] {
  const names = new Set<string>();
  for (const [index, { name, ...run }] of cases.entries()) {
    if (names.has(name))
      throw new Refusal("invalid_value", `Two cases have the name ${name}.`, `${path}/${index}/name`);
    names.add(name);
    checkRun(run, `${path}/${index}`);
  }
  return cases;
}

/** Throws Refusal. */
export function checkRun({ direction, bytes, object }: CodecRun, path: string): void {
  const [wanted, value] = direction === "downlink" ? ["object", object] : ["bytes", bytes];
  if (value === undefined)
    throw new Refusal("invalid_value", `The direction ${direction} needs ${wanted}.`, `${path}/${wanted}`);
}
