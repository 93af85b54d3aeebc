import type { ApplicationId } from "../../lorawan/ids.ts";

/** What a client of the embedded broker may reach. */
export type MqttScope =
  | { readonly kind: "application"; readonly applicationId: ApplicationId; readonly isReadOnly: boolean }
  /** Reads every application's topics and commands every device. */
  | { readonly kind: "administrator" };

/**
 * Whether a client may subscribe to this filter. It is compared level by level with `application/{id}/...`. A wildcard in
 * place of the id is allowed, since programs written for any application use it; what it brings is the own application's
 * alone, see `mayReceive`. `$SYS` and shared subscriptions are never allowed.
 */
export function mayRead(scope: MqttScope, filter: string): boolean {
  const [first, second, ...rest] = filter.split("/");
  if (first !== "application" || second === undefined) return false;
  if (scope.kind === "administrator") return second !== "#" || rest.length === 0;
  return (second === scope.applicationId || second === "+") && rest.length > 0;
}

/** Whether a message may reach a client, whatever filter it came by. */
export const mayReceive = (scope: MqttScope, topic: string): boolean =>
  topic.startsWith(scope.kind === "administrator" ? "application/" : `application/${scope.applicationId}/`);

/** Clients send commands and nothing else: an event that an application sees comes from this server. */
export function maySend(scope: MqttScope, command: { readonly applicationId: string } | undefined): boolean {
  if (command === undefined) return false;
  return scope.kind === "administrator" || (!scope.isReadOnly && command.applicationId === scope.applicationId);
}

/** Client identifiers live in a space of each scope, so that nobody takes over or resumes another's session. */
export const scopedClientId = (scope: MqttScope, clientId: string): string =>
  `${scope.kind === "administrator" ? "administrator" : scope.applicationId}/${clientId}`;

/** The first level of a scoped client identifier. */
export const scopeNameOf = (scopedId: string): string => scopedId.slice(0, scopedId.indexOf("/"));
