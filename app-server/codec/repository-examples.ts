import Type from "typebox";
import { Compile } from "typebox/compile";
import type { CodecCase, CodecRun } from "../codec-ports.ts";

const record = Type.Record(Type.String(), Type.Unknown());
const bytes = Type.Array(Type.Integer({ minimum: 0, maximum: 255 }));
const texts = Type.Array(Type.String());
const Example = Type.Object({
  description: Type.Optional(Type.String()),
  input: Type.Object({
    bytes: Type.Optional(bytes),
    data: Type.Optional(record),
    fPort: Type.Optional(Type.Integer({ minimum: 1, maximum: 255 })),
    recvTime: Type.Optional(Type.String()),
  }),
  output: Type.Object({
    data: Type.Optional(record),
    bytes: Type.Optional(bytes),
    fPort: Type.Optional(Type.Integer({ minimum: 1, maximum: 255 })),
    warnings: Type.Optional(texts),
    errors: Type.Optional(texts),
  }),
  normalizedOutput: Type.Optional(Type.Object({ data: Type.Union([record, Type.Array(record)]) })),
});
const exampleValidator = Compile(Example);
const Part = Type.Optional(
  Type.Object({ examples: Type.Optional(Type.Union([Type.Null(), Type.Array(Type.Unknown())])) }),
);
const definitionValidator = Compile(Type.Object({ uplinkDecoder: Part, downlinkEncoder: Part, downlinkDecoder: Part }));

const parts = [
  ["uplinkDecoder", "uplink"],
  ["downlinkEncoder", "downlink"],
  ["downlinkDecoder", "decodeDownlink"],
] as const;

/**
 * The examples of a codec definition of The Things Network's device repository (`vendor/<vendor>/<codec>.yaml`, parsed) as
 * cases. Examples of another form are left out, and so is what is no definition.
 */
export function casesOfRepositoryCodec(definition: unknown): readonly CodecCase[] {
  if (!definitionValidator.Check(definition)) return [];
  const names = new Set<string>();
  return parts.flatMap(([part, direction]) =>
    (definition[part]?.examples ?? []).flatMap((example, index): CodecCase[] => {
      if (!exampleValidator.Check(example)) return [];
      const { description, input, output, normalizedOutput } = example;
      const { data, fPort, recvTime, bytes: given } = input;
      const run: CodecRun = {
        direction,
        fPort: fPort ?? 1,
        ...(given !== undefined && { bytes: hexOf(given) }),
        ...(data !== undefined && { object: data }),
        ...(recvTime !== undefined && !Number.isNaN(Date.parse(recvTime)) && { recvTime }),
      };
      const name = uniqueName(names, (description?.trim() || `${direction} ${index + 1}`).slice(0, 180));
      if ((output.errors ?? []).length > 0) return [{ name, ...run, expected: { error: output.errors?.[0] ?? "" } }];
      const expected = {
        ...(output.data !== undefined && { object: output.data }),
        ...(output.bytes !== undefined && { bytes: hexOf(output.bytes) }),
        ...(output.bytes !== undefined && output.fPort !== undefined && { fPort: output.fPort }),
        ...((output.warnings ?? []).length > 0 && { warnings: output.warnings ?? [] }),
        ...(normalizedOutput !== undefined && { normalizedPayload: [normalizedOutput.data].flat() }),
      };
      return [{ name, ...run, expected }];
    }),
  );
}

const hexOf = (list: readonly number[]): string => Buffer.from(list).toString("hex");

function uniqueName(taken: Set<string>, name: string): string {
  let free = name;
  for (let n = 2; taken.has(free); n += 1) free = `${name} (${n})`;
  taken.add(free);
  return free;
}
