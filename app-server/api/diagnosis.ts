import Type from "typebox";
import { parseDevEui } from "../../lorawan/ids.ts";
import { findingCodes, severities } from "../diagnosis-ports.ts";
import { inTenant, listScope } from "./access.ts";
import { callerOf } from "./authentication.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import { found } from "./refusal.ts";
import { Eui64, listOf, Time } from "./schemas.ts";

const Finding = Type.Object({
  code: Type.Enum([...findingCodes]),
  severity: Type.Enum([...severities], {
    description:
      "`error`: the device does not do its work. `warning`: something is lost or about to be. `notice`: nothing is wrong yet.",
  }),
  summary: Type.String({ description: "A sentence for whoever has the device." }),
  evidence: listOf(
    Type.Object({
      what: Type.String(),
      value: Type.String(),
      at: Type.Optional(Time),
    }),
  ),
  whatToDo: listOf(Type.String(), { description: "The most promising first." }),
});
const Diagnosis = Type.Object(
  {
    devEui: Eui64,
    at: Time,
    since: Type.String({ description: "From when on events and frames were looked at. RFC 3339 in UTC." }),
    isWell: Type.Boolean({ description: "Nothing but notices." }),
    findings: listOf(Finding, { description: "The most probable cause first; empty: all is well." }),
    checked: listOf(
      Type.Object({ check: Type.String(), found: Type.String({ description: "What there is, in words." }) }),
      { description: "What was looked at, whatever came of it." },
    ),
  },
  {
    examples: [
      {
        devEui: "70b3d57ed0001234",
        at: "2030-01-31T12:00:00.000Z",
        since: "2030-01-24T12:00:00.000Z",
        isWell: false,
        findings: [
          {
            code: "wrong_root_key",
            severity: "error",
            summary: "The device's Join-Requests are signed with another root key than is stored here.",
            evidence: [{ what: "Join-Requests refused so", value: "14" }],
            whatToDo: ["Enter the AppKey of the device's label anew."],
          },
        ],
        checked: [{ check: "joining", found: "14 Join-Requests, 0 answered; the last 40 seconds ago" }],
      },
    ],
  },
);
const Params = Type.Object({ devEui: Eui64 });

/** What is the matter with a device. */
export function diagnosisRoutes(api: Api, { repositories, diagnoses }: ApiDependencies): void {
  api.get(
    "/devices/:devEui/diagnosis",
    {
      config: { access: inTenant("read", "params.devEui") },
      schema: {
        summary: "Why a device does not work, or that it does",
        description:
          "From the device's settings, session, queue, and what was kept of its events and frames in the last seven days.",
        params: Params,
        response: { 200: Diagnosis },
      },
    },
    async request => {
      const device = found(await repositories.devices.get(parseDevEui(request.params.devEui)), "device");
      const scope = listScope(callerOf(request), "read", device.tenantId, "applications");
      return { devEui: device.devEui, ...(await diagnoses.of(device, scope)) };
    },
  );
}
