import { hash } from "node:crypto";
import { partitionCount } from "../state/store.ts";

/**
 * Which member each partition belongs to, by highest random weight: every process comes to the same result, and a member
 * that comes or goes moves its own partitions alone.
 */
export function sharesOf(members: readonly string[]): readonly string[] {
  return Array.from({ length: partitionCount }, (_, partition) => {
    const weights = members.map(member => ({ member, weight: hash("sha256", `${member} ${partition}`) }));
    return weights.reduce((best, next) => (next.weight > best.weight ? next : best), { member: "", weight: "" }).member;
  });
}
