import Type, { type Static } from "typebox";
import { parseDeviceProfileId } from "../../lorawan/ids.ts";
import type { DeviceProfile } from "../catalog-ports.ts";
import { type CodecRun, codecKinds, type FailedCodecCase } from "../codec-ports.ts";
import { inTenant } from "./access.ts";
import { codecOf } from "./codec-check.ts";
import { CodecCases, checkCases, checkRun, runFields } from "./codec-schemas.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import { FailedCase } from "./problem.ts";
import { found, Refusal } from "./refusal.ts";
import { strict, TagMap, Uuid } from "./schemas.ts";

const AnyObject = Type.Record(Type.String(), Type.Unknown());
const Params = Type.Object({ deviceProfileId: Uuid });
/** In place of the profile's own, which is not stored yet or not even written to its end. */
const unsaved = {
  codec: Type.Optional(Type.Enum([...codecKinds], { description: "The profile's unless given." })),
  script: Type.Optional(Type.String({ maxLength: 200_000, description: "The profile's unless given." })),
};

const UplinkEvent = Type.Object(
  {
    data: Type.String({ description: "Base64." }),
    fPort: Type.Integer({ minimum: 1, maximum: 255 }),
    time: Type.String(),
    deviceInfo: Type.Optional(Type.Object({ tags: Type.Optional(TagMap) })),
  },
  { description: "An event of the kind up, as it was delivered; gives bytes, fPort, recvTime and tags." },
);

const TestRequest = Type.Object(
  {
    ...unsaved,
    ...runFields,
    direction: Type.Optional(runFields.direction),
    fPort: Type.Optional(runFields.fPort),
    data: Type.Optional(Type.String({ maxLength: 2048, description: "Base64, in place of bytes." })),
    event: Type.Optional(UplinkEvent),
  },
  strict,
);

const TestAnswer = Type.Object({
  result: Type.Enum(["decoded", "encoded", "failed"]),
  object: Type.Optional(AnyObject),
  normalizedPayload: Type.Optional(Type.Unsafe<readonly object[]>(Type.Array(AnyObject))),
  normalizedPayloadWarnings: Type.Optional(Type.Unsafe<readonly string[]>(Type.Array(Type.String()))),
  bytes: Type.Optional(Type.String({ description: "Hex." })),
  fPort: Type.Optional(Type.Integer({ description: "If the codec chose one." })),
  warnings: Type.Unsafe<readonly string[]>(Type.Array(Type.String())),
  errors: Type.Unsafe<readonly { message: string; line?: number; column?: number }[]>(
    Type.Array(
      Type.Object({
        message: Type.String(),
        line: Type.Optional(Type.Integer({ description: "Of the script as it was written, from 1." })),
        column: Type.Optional(Type.Integer()),
      }),
    ),
  ),
  console: Type.Unsafe<readonly string[]>(
    Type.Array(Type.String(), { description: "What the script wrote, by lines." }),
  ),
  timeMs: Type.Number({ description: "Of the call alone." }),
  loadMs: Type.Number({ description: "Of loading the script, which is done once." }),
  memoryBytes: Type.Integer({ description: "Of the script's heap when the call was over." }),
});

const CasesRequest = Type.Object({ ...unsaved, cases: Type.Optional(CodecCases) }, strict);
const CasesAnswer = Type.Object({
  total: Type.Integer(),
  failed: Type.Unsafe<readonly FailedCodecCase[]>(Type.Array(FailedCase)),
});

/** Throws Refusal unless there is all that the direction needs. */
function runOf(body: Static<typeof TestRequest>): CodecRun {
  const { direction = "uplink", data, event, codec: _codec, script: _script, ...given } = body;
  const fromEvent = event && {
    fPort: event.fPort,
    bytes: hexOf(event.data, "/body/event/data"),
    recvTime: event.time,
    ...(event.deviceInfo?.tags && { tags: event.deviceInfo.tags }),
  };
  const bytes = data === undefined ? {} : { bytes: hexOf(data, "/body/data") };
  const { fPort, ...run } = { ...fromEvent, ...bytes, ...given };
  if (fPort === undefined) throw new Refusal("invalid_value", "fPort is missing.", "/body/fPort");
  checkRun({ direction, fPort, ...run }, "/body");
  return { direction, fPort, ...run };
}

function hexOf(base64: string, path: string): string {
  const plain = base64.replace(/={1,2}$/, "");
  if (!/^[A-Za-z0-9+/_-]*$/.test(plain) || plain.length % 4 === 1) {
    throw new Refusal("invalid_value", "This is not base64.", path);
  }
  return Buffer.from(plain, "base64").toString("hex");
}

const tried = (profile: DeviceProfile, { codec, script }: Static<typeof CasesRequest>) =>
  codecOf({ codec: codec ?? profile.codec, codecScript: script ?? profile.codecScript });

export function codecTestRoutes(api: Api, { repositories: { deviceProfiles }, codecBench }: ApiDependencies): void {
  const access = inTenant("devices", "params.deviceProfileId");
  const profileOf = async (id: string) => found(await deviceProfiles.get(parseDeviceProfileId(id)), "device profile");
  api.post(
    "/device-profiles/:deviceProfileId/codec/test",
    {
      config: { access },
      schema: {
        summary: "Try a codec",
        description:
          "Runs the profile's codec, or one that is not stored, and tells all that it did. No device and no event is " +
          "touched. A script that fails is an answer, and no error.",
        params: Params,
        body: TestRequest,
        response: { 200: TestAnswer },
      },
    },
    async request => {
      const profile = await profileOf(request.params.deviceProfileId);
      return codecBench.test(tried(profile, request.body), runOf(request.body), profile.tenantId);
    },
  );
  api.post(
    "/device-profiles/:deviceProfileId/codec/cases",
    {
      config: { access },
      schema: {
        summary: "Try all cases of a codec",
        description: "The profile's cases with the profile's codec, or others that are not stored.",
        params: Params,
        body: CasesRequest,
        response: { 200: CasesAnswer },
      },
    },
    async request => {
      const profile = await profileOf(request.params.deviceProfileId);
      const { cases } = request.body;
      const all = cases === undefined ? profile.codecCases : checkCases(cases, "/body/cases");
      const failed = await codecBench.runCases(tried(profile, request.body), all, profile.tenantId);
      return { total: all.length, failed };
    },
  );
}
