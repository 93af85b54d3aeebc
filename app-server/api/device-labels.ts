import Type from "typebox";
import { type LabelFault, parseDeviceLabel } from "../../lorawan/device-label.ts";
import { parseApplicationId } from "../../lorawan/ids.ts";
import { regionNames } from "../../lorawan/region/region.ts";
import { inTenant } from "./access.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import { found, Refusal } from "./refusal.ts";
import { Eui64, listOf, Name, strict, TagMap, Uuid } from "./schemas.ts";

const Scan = Type.Object(
  {
    applicationId: Uuid,
    text: Type.String({
      minLength: 1,
      maxLength: 5000,
      description:
        "What the QR code on the device says: LW:D0:... (TR005), or URN:DEV:LW:... and URN:LW:DP:... of its drafts.",
      // It may show who owns the device.
      writeOnly: true,
    }),
  },
  strict,
);
const NullableText = Type.Union([Type.String(), Type.Null()]);
const Draft = Type.Object({
  device: Type.Object(
    {
      devEui: Eui64,
      joinEui: Eui64,
      name: Name,
      applicationId: Uuid,
      deviceProfileId: Type.Optional(Uuid),
      tags: TagMap,
    },
    { description: "For `POST /api/devices`, once it has a profile and keys." },
  ),
  isTaken: Type.Boolean({ description: "There is a device with this DevEUI already." }),
  vendorId: Type.Integer(),
  vendorProfileId: Type.Integer(),
  serialNumber: NullableText,
  deviceProfiles: Type.Unsafe<readonly { readonly id: string; readonly name: string; readonly region: string }[]>(
    listOf(Type.Object({ id: Uuid, name: Name, region: Type.Enum([...regionNames]) })),
  ),
});

const faultTexts: Readonly<Record<LabelFault, string>> = {
  not_a_label: "This is not the text of a device's QR code, which begins with LW:D0:.",
  malformed: "The QR code is not as TR005 has it: an EUI, the profile id or a field is wrong.",
  wrong_checksum: "The QR code's checksum is wrong: scan it again.",
};

export function deviceLabelRoutes(api: Api, { repositories }: ApiDependencies): void {
  const { applications, deviceProfiles, devices } = repositories;
  api.post(
    "/devices/qr",
    {
      config: { access: inTenant("devices", "body.applicationId"), audit: "none" },
      schema: {
        summary: "Read the QR code of a device",
        description:
          "Makes a draft of the device, with its profile where exactly one of the tenant's has the vendor's numbers. Nothing " +
          "is stored.",
        body: Scan,
        response: { 200: Draft },
      },
    },
    async request => {
      const { applicationId, text } = request.body;
      const outcome = parseDeviceLabel(text);
      if (outcome.kind === "refused") throw new Refusal("invalid_value", faultTexts[outcome.fault], "/body/text");
      const { devEui, joinEui, vendorId, vendorProfileId, serialNumber } = outcome.label;
      const { tenantId } = found(await applications.get(parseApplicationId(applicationId)), "application");
      const matching = await deviceProfiles.labelled(tenantId, vendorId, vendorProfileId);
      const [only, ...others] = matching;
      return {
        device: {
          devEui,
          joinEui,
          name: devEui,
          applicationId,
          ...(only !== undefined && others.length === 0 && { deviceProfileId: only.id }),
          tags: serialNumber === undefined ? {} : { serialNumber: serialNumber.slice(0, 1000) },
        },
        isTaken: (await devices.get(devEui)) !== undefined,
        vendorId,
        vendorProfileId,
        serialNumber: serialNumber ?? null,
        deviceProfiles: matching.map(({ id, name, region }) => ({ id, name, region })),
      };
    },
  );
}
