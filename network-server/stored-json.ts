import Type, { type Static, type TObject, type TProperties, type TSchema } from "typebox";
import { Compile } from "typebox/compile";
import { type Immutable, UnreadableSession } from "./session-record.ts";

/** Throws UnreadableSession for what is no JSON. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new UnreadableSession("the stored session is not JSON");
  }
}

/** Gives a value back that has the schema's shape, and throws UnreadableSession for another. */
export function checkerOf<Schema extends TSchema>(schema: Schema): (value: unknown) => Static<Schema> {
  const compiled = Compile(schema);
  return value => {
    if (compiled.Check(value)) return value;
    const first = compiled.Errors(value)[0];
    throw new UnreadableSession("the stored session has another shape than this version writes", {
      path: first?.instancePath ?? "",
    });
  };
}

/** Objects as JSON arrays, where each member has its place instead of its name. */
export interface Row<Fields extends TProperties> {
  /** Each member has to be named, the optional ones too. */
  write<Members extends Partial<Record<keyof Fields, unknown>>>(
    members: Members & (keyof Fields extends keyof Members ? unknown : never),
  ): readonly unknown[];
  /** Throws UnreadableSession. */
  read(stored: unknown): Static<TObject<Fields>>;
}

export interface RowOptions<Fields extends TProperties> {
  /** Of members that stand otherwise: from what stands there to the member, or to anything that its schema refuses. */
  readonly readers?: Partial<Record<keyof Fields, (stored: unknown) => unknown>>;
  /** Members that are absent where they are these. */
  readonly usual?: { readonly [Name in keyof Fields]?: Immutable<Static<Fields[Name]>> };
}

/**
 * Members stand in the order of `fields`, which is a part of the format, and so are the usual ones: a new member comes last,
 * and a place is never used for something else. An absent member is null, or left out where none is after it.
 * @param fields the members' schemas, as they are once they are read.
 */
export function rowOf<const Fields extends TProperties>(
  fields: Fields,
  { readers = {}, usual }: RowOptions<Fields> = {},
): Row<Fields> {
  const usualMembers: Readonly<Record<string, unknown>> = { ...usual };
  const places = Object.keys(fields).map(name => ({ name, read: readers[name], usual: usualMembers[name] }));
  const checked = checkerOf(Type.Object(fields));
  return {
    write(members: Readonly<Record<string, unknown>>) {
      const row: unknown[] = [];
      let place = 0;
      for (const { name, usual } of places) {
        const member = members[name];
        if (member !== undefined && member !== usual) {
          while (row.length < place) row.push(null);
          row.push(member);
        }
        place += 1;
      }
      return row;
    },
    read(stored) {
      if (!Array.isArray(stored) || stored.length > places.length) {
        throw new UnreadableSession(`a row of the stored session is no array of at most ${places.length} members`);
      }
      const members: Record<string, unknown> = { ...usualMembers };
      let index = 0;
      for (const { name, read } of places) {
        const member: unknown = stored[index];
        index += 1;
        if (member !== undefined && member !== null) members[name] = read ? read(member) : member;
      }
      return checked(members);
    },
  };
}

/** As a line of a document: empty without a member. */
export const lineOf = (row: readonly unknown[]): string => (row.length === 0 ? "" : JSON.stringify(row));
