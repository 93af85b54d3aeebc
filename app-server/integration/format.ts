import jmespath from "jmespath";
import { UpchirpError } from "../../lorawan/errors.ts";
import type { Integration, QueuedMessage, SinkMessage } from "../integration-ports.ts";
import { isObject, type JsonObject, numberAt, objectAt, textAt } from "./json.ts";
import { ttnMessage } from "./ttn.ts";

/** The expression of an integration makes no message of an event. */
export class MappingFailed extends UpchirpError {
  readonly code = "mapping_failed";
}

/** Faults of the expression itself, not of what it meets. */
const isOfExpression = ({ name, message }: Error): boolean =>
  name === "ParserError" || name === "LexerError" || message.startsWith("Unknown function");

/** Why a text is no JMESPath expression, or undefined. */
export function mappingFault(mapping: string): string | undefined {
  if (mapping === "") return undefined;
  try {
    jmespath.search({}, mapping);
    return undefined;
  } catch (error) {
    return error instanceof Error && isOfExpression(error) ? error.message : undefined;
  }
}

function mapped(mapping: string, event: JsonObject): string {
  let result: unknown;
  try {
    result = jmespath.search(event, mapping);
  } catch (error) {
    throw new MappingFailed(`The mapping failed: ${error instanceof Error ? error.message : "no reason is known"}`);
  }
  if (result === null || result === undefined) throw new MappingFailed("The mapping makes nothing of this event.");
  return JSON.stringify(result);
}

/**
 * Of one event always the same and of no other: events of kinds that have no member of their own for it are told apart by
 * what they have.
 */
function deduplicationIdOf({ kind, devEui }: QueuedMessage, event: JsonObject): string {
  if (kind === "txack") return `${devEui}-txack-${numberAt(event, "downlinkId") ?? ""}`;
  if (kind !== "log") return textAt(event, "deduplicationId");
  return `${textAt(objectAt(event, "context"), "deduplication_id")}-${textAt(event, "code").toLowerCase()}`;
}

/** Throws MappingFailed. */
export function formatMessage({ format, mapping }: Integration, message: QueuedMessage): SinkMessage {
  const parsed: unknown = JSON.parse(message.event);
  const event = isObject(parsed) ? parsed : {};
  const body = (): string => {
    if (format === "chirpstack") return mapping === "" ? message.event : mapped(mapping, event);
    const ttn = ttnMessage(message, event);
    return mapping === "" ? JSON.stringify(ttn) : mapped(mapping, ttn);
  };
  const { kind, tenantId, applicationId, devEui } = message;
  return {
    deduplicationId: deduplicationIdOf(message, event),
    kind,
    tenantId,
    applicationId,
    devEui,
    time: textAt(event, "time"),
    body: body(),
    event,
  };
}
