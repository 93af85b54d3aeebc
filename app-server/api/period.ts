import Type, { type Static } from "typebox";
import { Refusal } from "./refusal.ts";
import { TimeInput } from "./schemas.ts";

/** What a question about the past takes. */
export const periodQuery = {
  since: Type.Optional(TimeInput),
  until: Type.Optional(TimeInput),
};
const Query = Type.Object(periodQuery);

/** RFC 3339 in UTC. Throws Refusal for a time that does not exist. */
export function utcOf(text: string, pointer: string): string {
  const atMs = Date.parse(text);
  if (Number.isNaN(atMs)) throw new Refusal("invalid_value", "There is no such time.", pointer);
  return new Date(atMs).toISOString();
}

export const periodOf = ({ since, until }: Static<typeof Query>) => ({
  ...(since !== undefined && { since: utcOf(since, "/querystring/since") }),
  ...(until !== undefined && { until: utcOf(until, "/querystring/until") }),
});
