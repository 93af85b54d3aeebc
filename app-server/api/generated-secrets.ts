import { randomBytes } from "node:crypto";
import Type from "typebox";
import { isVersion11, macVersions } from "../../lorawan/version.ts";
import { signedIn } from "./access.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import { DevAddrText, strict } from "./schemas.ts";

const Body = Type.Object(
  {
    macVersion: Type.Enum([...macVersions], {
      description: "Of the device's profile: it decides which keys there are.",
    }),
  },
  strict,
);
/** Shown in this answer alone. */
const NewKey = Type.String({ description: "32 hex digits out of a cryptographic random number generator." });
const RootKeys = Type.Object({
  appKey: NewKey,
  nwkKey: Type.Optional(Type.String({ description: "LoRaWAN 1.1 only." })),
});
const Activation = Type.Object({
  devAddr: DevAddrText,
  appSKey: NewKey,
  nwkSKey: Type.Optional(Type.String({ description: "Up to LoRaWAN 1.0.4; 1.1 has the three others." })),
  fNwkSIntKey: Type.Optional(Type.String()),
  sNwkSIntKey: Type.Optional(Type.String()),
  nwkSEncKey: Type.Optional(Type.String()),
});

const newKey = (): string => randomBytes(16).toString("hex");

/** Values for devices that are programmed with them afterwards. Nothing is kept: they count once they are given back. */
export function generatedSecretRoutes(api: Api, { control }: ApiDependencies): void {
  // Nothing changes, so there is nothing to audit; a repeat gets other values, so there is nothing to keep either.
  const config = { access: signedIn, audit: "none", answerIsSecret: true } as const;
  api.post(
    "/devices/generate-keys",
    {
      config,
      schema: {
        summary: "Make up root keys",
        description: "For a device that is programmed with them afterwards. They are kept nowhere until they are set.",
        body: Body,
        response: { 200: RootKeys },
      },
    },
    async ({ body }) => ({ appKey: newKey(), ...(isVersion11(body.macVersion) && { nwkKey: newKey() }) }),
  );
  api.post(
    "/devices/generate-activation",
    {
      config,
      schema: {
        summary: "Make up a session (ABP)",
        description:
          "An address of this network that no session has, and keys. They are kept nowhere until the session is started.",
        body: Body,
        response: { 200: Activation },
      },
    },
    async ({ body }) => ({
      devAddr: await control.freeDevAddr(),
      appSKey: newKey(),
      ...(isVersion11(body.macVersion)
        ? { fNwkSIntKey: newKey(), sNwkSIntKey: newKey(), nwkSEncKey: newKey() }
        : { nwkSKey: newKey() }),
    }),
  );
}
