import Type from "typebox";
import Value from "typebox/value";
import { type DevEui, parseDevEui } from "../../lorawan/ids.ts";
import type { Metrics } from "../../platform/metrics.ts";
import type { DeviceDirectory } from "../ports.ts";
import type { TwinMessage, TwinObject, TwinRefusal, TwinRequests, Twins } from "../twin-ports.ts";

export interface TwinRequestsOptions {
  readonly twins: Twins;
  readonly directory: Pick<DeviceDirectory, "device">;
  readonly metrics: Metrics;
}

const maxBodyBytes = 64 * 1024;
const Token = Type.Optional(Type.String({ maxLength: 64 }));
const Get = Type.Object({ clientToken: Token }, { additionalProperties: false });
const Update = Type.Object(
  {
    desired: Type.Unsafe<TwinObject>(Type.Object({})),
    version: Type.Optional(Type.Integer({ minimum: 0 })),
    clientToken: Token,
  },
  { additionalProperties: false },
);

/** HTTP's numbers for why, as MQTT clients of twins know them from elsewhere. */
const codes: Readonly<Record<TwinRefusal, number>> = {
  unknown_device: 404,
  invalid: 400,
  too_large: 413,
  conflict: 409,
};

/** Requests that applications send over MQTT; see docs/twin.md for their JSON. */
export function createTwinRequests({ twins, directory, metrics }: TwinRequestsOptions): TwinRequests {
  return {
    async take(operation, applicationId, devEuiText, body) {
      const devEui = devEuiOf(devEuiText);
      const device = devEui === undefined ? undefined : await directory.device(devEui);
      // A device of another application is as unknown here as one that does not exist, and is told nothing.
      if (devEui === undefined || device?.info.applicationId !== applicationId) {
        metrics.commandsRefused.inc({ reason: "unknown_device" });
        return undefined;
      }
      const about = { applicationId: device.info.applicationId, devEui };
      const given = jsonOf(body);
      const token = clientTokenOf(given);
      const answer = (kind: "accepted" | "rejected", fields: object): TwinMessage => ({
        ...about,
        topic: `${operation}/${kind}`,
        json: JSON.stringify({ ...fields, ...token }),
      });
      const reject = (reason: TwinRefusal, message: string): TwinMessage => {
        metrics.commandsRefused.inc({ reason: `twin_${reason}` });
        return answer("rejected", { code: codes[reason], reason, message });
      };
      if (operation === "get") {
        if (!Value.Check(Get, given))
          return reject("invalid", "a get is {} or has a clientToken of up to 64 characters");
        const twin = await twins.get(devEui);
        return twin === undefined ? reject("unknown_device", "There is no such device.") : answer("accepted", twin);
      }
      if (!Value.Check(Update, given)) {
        return reject("invalid", "an update has an object `desired`, and may have a version and a clientToken");
      }
      const outcome = await twins.update(devEui, given);
      if (outcome.kind === "changed") return answer("accepted", outcome.twin);
      const { reason, message, path } = outcome;
      return reject(reason, path === undefined ? message : `${path}: ${message}`);
    },
  };
}

/** An empty message is {}. */
function jsonOf(body: Uint8Array): unknown {
  if (body.length > maxBodyBytes) return undefined;
  try {
    return body.length === 0 ? {} : JSON.parse(Buffer.from(body).toString("utf8"));
  } catch {
    return undefined;
  }
}

const clientTokenOf = (given: unknown): { readonly clientToken?: string } =>
  Value.Check(Type.Object({ clientToken: Type.String({ maxLength: 64 }) }), given)
    ? { clientToken: given.clientToken }
    : {};

function devEuiOf(text: string): DevEui | undefined {
  try {
    return parseDevEui(text);
  } catch {
    return undefined;
  }
}
