import type { ApplicationId, TenantId } from "../../../lorawan/ids.ts";
import type { EventFormat } from "../../integration-ports.ts";
import { isObject, listAt } from "../json.ts";

export interface CommandScope {
  readonly applicationId: ApplicationId;
  readonly tenantId: TenantId;
  readonly format: EventFormat;
}

export interface Command {
  readonly applicationId: string;
  readonly devEui: string;
  readonly body: Uint8Array;
}

/** Nobody means so many at once; the device's queue is shorter anyway. */
const maxDownlinks = 100;

/** What to subscribe to: commands of this application alone. */
export const commandFilterOf = ({ applicationId, tenantId, format }: CommandScope): string =>
  format === "chirpstack"
    ? `application/${applicationId}/device/+/command/down`
    : `v3/${applicationId}@${tenantId}/devices/+/down/push`;

/** The commands of a message; none for one that is no command. The body is checked by whoever carries them out. */
export function commandOf(scope: CommandScope, topic: string, payload: Buffer): readonly Command[] {
  const pattern = commandFilterOf(scope).split("+");
  const [before = "", after = ""] = pattern;
  if (!topic.startsWith(before) || !topic.endsWith(after)) return [];
  const device = topic.slice(before.length, topic.length - after.length);
  const { applicationId } = scope;
  if (scope.format === "chirpstack") return [{ applicationId, devEui: device, body: payload }];
  const devEui = device.replace(/^eui-/, "");
  return downlinksOf(payload).map(body => ({ applicationId, devEui, body: Buffer.from(JSON.stringify(body)) }));
}

/** `{"downlinks": [{"f_port": 1, "frm_payload": "AA==", "confirmed": true}]}` as ours. */
function downlinksOf(payload: Buffer): readonly object[] {
  let message: unknown;
  try {
    message = JSON.parse(payload.toString("utf8"));
  } catch {
    return [];
  }
  if (!isObject(message)) return [];
  return listAt(message, "downlinks")
    .slice(0, maxDownlinks)
    .filter(isObject)
    .map(({ f_port: fPort, frm_payload: data, decoded_payload: object, confirmed }) => ({
      fPort,
      ...(data !== undefined && { data }),
      ...(data === undefined && object !== undefined && { object }),
      ...(confirmed !== undefined && { confirmed }),
    }));
}
