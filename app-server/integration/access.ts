import type { ApplicationId } from "../../lorawan/ids.ts";

/** What a client of the embedded broker may reach. */
export type MqttScope =
  | { readonly kind: "application"; readonly applicationId: ApplicationId }
  /** Reads every application's topics and commands every device. */
  | { readonly kind: "administrator" };

/**
 * Whether everything that a filter can match belongs to the scope. A filter is compared level by level with
 * `application/{id}/...`: a wildcard is allowed only behind the id, where it reaches no other application. `$SYS` and
 * shared subscriptions are never allowed.
 */
export function mayRead(scope: MqttScope, filter: string): boolean {
  const [first, second, ...rest] = filter.split("/");
  if (first !== "application" || second === undefined) return false;
  if (scope.kind === "administrator") return second !== "#" || rest.length === 0;
  return second === scope.applicationId && rest.length > 0;
}

/** Clients send commands and nothing else: an event that an application sees comes from this server. */
export function maySend(scope: MqttScope, command: { readonly applicationId: string } | undefined): boolean {
  if (command === undefined) return false;
  return scope.kind === "administrator" || command.applicationId === scope.applicationId;
}

/** Client identifiers live in a space of each scope, so that nobody takes over or resumes another's session. */
export const scopedClientId = (scope: MqttScope, clientId: string): string =>
  `${scope.kind === "administrator" ? "administrator" : scope.applicationId}/${clientId}`;

/** The first level of a scoped client identifier. */
export const scopeNameOf = (scopedId: string): string => scopedId.slice(0, scopedId.indexOf("/"));
