import Type, { type Static, type TSchema } from "typebox";

/** A member nobody knows is a typing mistake, and told as one. */
export const strict = { additionalProperties: false } as const;

export const Uuid = Type.String({ pattern: "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$" });
export const Eui64 = Type.String({
  pattern: "^([0-9a-fA-F]{2}[-:]?){7}[0-9a-fA-F]{2}$",
  description: "EUI-64 in hex, most significant byte first, as printed on the device; any case, - or : between bytes.",
});
export const DevAddrText = Type.String({ pattern: "^([0-9a-fA-F]{2}[-:]?){3}[0-9a-fA-F]{2}$" });
/** Written only: no answer has one. */
export const Key128 = Type.String({
  pattern: "^[0-9a-fA-F]{32}$",
  description: "AES-128 key, 32 hex digits. Goes in and never comes out.",
  writeOnly: true,
});
export const Name = Type.String({ minLength: 1, maxLength: 200, pattern: "\\S" });
export const Description = Type.String({ maxLength: 10_000 });
export const TagMap = Type.Record(Type.String({ pattern: "^[\\s\\S]{1,100}$" }), Type.String({ maxLength: 1000 }), {
  maxProperties: 100,
  additionalProperties: false,
});
export const Time = Type.String({ description: "RFC 3339 in UTC." });
export const NullableTime = Type.Union([Time, Type.Null()]);
/** With a zone, so that it means one moment. */
export const TimeInput = Type.String({
  pattern: "^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d{1,9})?(Z|[+-]\\d{2}:\\d{2})$",
  description: "RFC 3339 with zone, for example 2030-01-31T12:00:00Z.",
});
export const Int32 = (minimum: number, options: object = {}) =>
  Type.Integer({ minimum, maximum: 2_147_483_647, ...options });

export const pageQuery = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 100 })),
  after: Type.Optional(Type.String({ maxLength: 2000, description: "`next` of the page before." })),
};

/** Only ever an answer, so that a list from elsewhere is good as it is. */
export const listOf = <Item extends TSchema>(item: Item, options: { readonly description?: string } = {}) =>
  Type.Unsafe<readonly Static<Item>[]>(Type.Array(item, options));

export const pageOf = <Item extends TSchema>(item: Item) =>
  Type.Object({ items: listOf(item), next: Type.Optional(Type.String()) });

export const NoContent = Type.Null({ description: "Done." });

export const change = { additionalProperties: false, minProperties: 1 } as const;

export const timeOf = (ms: number): string => new Date(ms).toISOString();
export const nullableTimeOf = (ms: number | undefined): string | null => (ms === undefined ? null : timeOf(ms));
