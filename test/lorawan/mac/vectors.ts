import { readFileSync } from "node:fs";
import Type, { type Static } from "typebox";
import Value from "typebox/value";
import { describe, expect, test } from "vitest";
import { MalformedValue } from "../../../lorawan/errors.ts";
import { decodeMessage, encodeMessage, type Fields, type Message } from "../../../lorawan/mac/message.ts";

const vectorFields = Type.Record(Type.String(), Type.Unknown());
const vector = Type.Object({
  cid: Type.Integer(),
  name: Type.String(),
  direction: Type.Union([Type.Literal("up"), Type.Literal("down")]),
  fields: Type.Optional(vectorFields),
  hex: Type.Optional(Type.String()),
  error: Type.Optional(Type.String()),
});
const file = Type.Object({ vectors: Type.Array(vector) });

export type MacVector = Static<typeof vector>;

const location = new URL("../../vectors/mac_commands.json", import.meta.url);
export const macVectors: readonly MacVector[] = Value.Parse(file, JSON.parse(readFileSync(location, "utf8"))).vectors;

/** Members of a vector by the names that the vectors use. */
export interface VectorFields {
  number(name: string): number;
  flag(name: string): boolean;
  flags(name: string): readonly boolean[];
  group(name: string): VectorFields;
}

const reader = (fields: Readonly<Record<string, unknown>>): VectorFields => ({
  number: name => Value.Parse(Type.Number(), fields[name]),
  flag: name => Boolean(Value.Parse(Type.Union([Type.Boolean(), Type.Integer()]), fields[name])),
  flags: name => Value.Parse(Type.Array(Type.Boolean()), fields[name]),
  group: name => reader(Value.Parse(vectorFields, fields[name])),
});

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
export const bytesOf = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "hex"));

/** Every vector of this name, both ways; vectors with an error must be refused. */
export function checkVectors<Value extends Fields>(
  message: Message<Value>,
  toValue: (fields: VectorFields) => Value,
): void {
  const vectors = macVectors.filter(({ name }) => name === message.name);
  describe(message.name, () => {
    test("has known vectors", () => {
      expect(vectors.length).toBeGreaterThan(0);
      expect(new Set(vectors.map(({ cid }) => cid))).toEqual(new Set([message.cid]));
    });
    test.each(vectors.filter(({ error }) => error === undefined))("is $hex on the wire and back", known => {
      const value = toValue(reader(known.fields ?? {}));
      expect(hex(encodeMessage(message, value))).toBe(known.hex);
      expect(decodeMessage(message, bytesOf(known.hex ?? "").subarray(1))).toEqual(value);
    });
    for (const known of vectors.filter(({ error }) => error !== undefined)) {
      test(`refuses ${JSON.stringify(known.fields)}`, () => {
        const value = toValue(reader(known.fields ?? {}));
        expect(() => encodeMessage(message, value)).toThrow(MalformedValue);
      });
    }
  });
}
