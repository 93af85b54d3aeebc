import Type, { type Static } from "typebox";
import { FrameError } from "../../lorawan/errors.ts";
import { explain } from "../../lorawan/explain/explain.ts";
import type { Explanation } from "../../lorawan/explain/explanation.ts";
import type { FrameRecord } from "../../platform/frames/frame-record.ts";
import type { FrameFilter } from "../history-ports.ts";
import { inTenant, signedIn } from "./access.ts";
import { callerOf } from "./authentication.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import { Frame, frameAnswer } from "./frame-answer.ts";
import { createFrameLooking } from "./frame-looking.ts";
import { found, Refusal } from "./refusal.ts";
import { Eui64, listOf, strict } from "./schemas.ts";

const FieldValue = Type.Union([Type.String(), Type.Number(), Type.Boolean()]);
const Breakdown = Type.Object({
  title: Type.String({ description: "Like `unconfirmed data uplink`." }),
  bytes: Type.Integer(),
  fields: listOf(
    Type.Object({
      name: Type.String({ description: "As the specification spells it." }),
      value: FieldValue,
      note: Type.Optional(Type.String()),
    }),
  ),
  mic: Type.Object({ kind: Type.Enum(["fits", "half fits", "does not fit", "not checked"]), detail: Type.String() }),
  fCnt: Type.Optional(Type.Integer({ description: "All 32 bits, where the MIC gives them away." })),
  commands: Type.Optional(
    listOf(
      Type.Object({
        name: Type.String(),
        cid: Type.Integer(),
        fields: Type.Record(Type.String(), FieldValue),
      }),
    ),
  ),
  payload: Type.Optional(
    Type.Object({ hex: Type.String(), text: Type.Optional(Type.String()) }, { description: "In the clear." }),
  ),
});
const Explained = Type.Object({
  frame: Frame,
  why: Type.String({ description: "What became of it, for people." }),
  breakdown: Type.Union([Breakdown, Type.Null()], { description: "Null: the bytes are no frame of LoRaWAN." }),
});

/** Without what the command line says about its own options. */
function breakdownOf({ notes: _, mic, ...explanation }: Explanation): Static<typeof Breakdown> {
  const detail = mic.kind === "not checked" ? "no key of its session is at hand" : mic.detail;
  return { ...explanation, mic: { ...mic, detail } };
}

/** Without any key. */
function plainBreakdown(phyPayload: Uint8Array): Static<typeof Breakdown> | null {
  const explanation = explain(phyPayload);
  return explanation instanceof FrameError ? null : breakdownOf(explanation);
}

const verdicts: Readonly<Record<string, string>> = {
  accepted: "Accepted.",
  repeat: "The last accepted frame once more: it is not delivered again, and acknowledged again if it is confirmed.",
  replay: "Not accepted: its frame counter has been used before.",
  "counter-reset": "Not accepted: the device began again at a lower frame counter, which its settings do not allow.",
  "bad-mic": "Not accepted: the address is known, and the MIC fits no device that has it.",
  "unknown-device": "Not accepted: no device here has this address.",
  refused: "Refused",
  malformed: "No frame of LoRaWAN",
  proprietary: "A proprietary frame; nothing is done with it.",
};
const outcomes = {
  sent: "A gateway sent it.",
  failed: "No gateway sent it; see the attempts.",
  withdrawn: "Taken back, since something newer was on its way to the device.",
};

function whyOf(frame: FrameRecord): string {
  if (frame.direction === "down") return outcomes[frame.outcome];
  const text = verdicts[frame.verdict] ?? frame.verdict;
  return frame.reason === undefined || text.endsWith(".") ? text : `${text}: ${frame.reason}.`;
}

const DeviceParams = Type.Object({ devEui: Eui64, frameId: Type.String({ maxLength: 36 }) });
const GatewayParams = Type.Object({ gatewayId: Eui64, frameId: Type.String({ maxLength: 36 }) });
const DecodeBody = Type.Object(
  {
    phyPayload: Type.String({
      minLength: 4,
      maxLength: 700,
      pattern: "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
      description: "Base64.",
    }),
  },
  strict,
);

/** Single frames, field by field. */
export function frameExplanationRoutes(api: Api, { repositories, history, control }: ApiDependencies): void {
  const lookAt = createFrameLooking(repositories);
  async function frameOf(filter: FrameFilter, id: string): Promise<FrameRecord> {
    return found(await history.frame(filter, id), "frame");
  }

  async function opened(frame: FrameRecord): Promise<Static<typeof Breakdown> | null> {
    const { subject, phyPayload, fCnt } = frame;
    if (subject === undefined) return plainBreakdown(phyPayload);
    const question = { devEui: subject.devEui, phyPayload, ...(fCnt !== undefined && { fCnt }) };
    const explanation = await control.explainFrame(question);
    return explanation === undefined ? plainBreakdown(phyPayload) : breakdownOf(explanation);
  }

  api.get(
    "/devices/:devEui/frames/:frameId",
    {
      config: { access: inTenant("read", "params.devEui") },
      schema: {
        summary: "One frame of a device, field by field",
        description:
          "Opened with the keys of the device's session, as long as it is the frame's; no key is in the answer.",
        params: DeviceParams,
        response: { 200: Explained },
      },
    },
    async request => {
      const { filter, view } = await lookAt.device(callerOf(request), request.params.devEui, {});
      const frame = await frameOf(filter, request.params.frameId);
      return { frame: frameAnswer(frame, view), why: whyOf(frame), breakdown: await opened(frame) };
    },
  );

  api.get(
    "/gateways/:gatewayId/frames/:frameId",
    {
      config: { access: inTenant("read", "params.gatewayId") },
      schema: {
        summary: "One frame through a gateway, field by field",
        description: "As anybody who heard it could tell: nothing is opened.",
        params: GatewayParams,
        response: { 200: Explained },
      },
    },
    async request => {
      const { filter, view } = await lookAt.gateway(callerOf(request), request.params.gatewayId, {});
      const frame = await frameOf(filter, request.params.frameId);
      return { frame: frameAnswer(frame, view), why: whyOf(frame), breakdown: plainBreakdown(frame.phyPayload) };
    },
  );
  api.post(
    "/frames/decode",
    {
      config: { access: signedIn, audit: "none" },
      schema: { summary: "Explain a frame field by field", body: DecodeBody, response: { 200: Breakdown } },
    },
    async request => {
      const breakdown = plainBreakdown(new Uint8Array(Buffer.from(request.body.phyPayload, "base64")));
      if (breakdown === null)
        throw new Refusal("invalid_value", "These bytes are no LoRaWAN frame.", "/body/phyPayload");
      return breakdown;
    },
  );
}
