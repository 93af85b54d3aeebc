import Type from "typebox";
import { parseDevEui } from "../../lorawan/ids.ts";
import { inTenant } from "./access.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import { Eui64, NoContent, strict } from "./schemas.ts";

const Params = Type.Object({ devEui: Eui64 });
const RejoinBody = Type.Object(
  {
    rejoinType: Type.Enum([0, 1, 2], {
      description: "0, and 1 likewise, gives a new session and new radio parameters; 2 new keys and a new address.",
    }),
    period: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 7,
        description: "The device repeats its request after 32 x 2^period s and a random time more; 0 when absent.",
      }),
    ),
    maxRetries: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 7, description: "How often it repeats its request; 3 when absent." }),
    ),
    dataRate: Type.Optional(Type.Integer({ minimum: 0, maximum: 15, description: "The one in use when absent." })),
  },
  strict,
);

export function deviceRejoinRoutes(api: Api, { control }: ApiDependencies): void {
  api.post(
    "/devices/:devEui/force-rejoin",
    {
      config: { access: inTenant("devices", "params.devEui") },
      schema: {
        summary: "Tell a LoRaWAN 1.1 device to rejoin",
        description: "Goes with its next downlinks until it obeys, a few times at most. 409 where it cannot rejoin.",
        params: Params,
        body: RejoinBody,
        response: { 204: NoContent },
      },
    },
    async (request, reply) => {
      const { rejoinType, ...schedule } = request.body;
      // TS001-1.1 5.13: a device answers 1 with a Rejoin-Request of type 0.
      const order = { ...schedule, rejoinType: rejoinType === 2 ? rejoinType : 0 } as const;
      await control.forceRejoin(parseDevEui(request.params.devEui), order);
      return reply.code(204).send(null);
    },
  );
}
