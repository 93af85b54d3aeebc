import Type from "typebox";
import { parseUserId } from "../../lorawan/ids.ts";
import { administrators, signedIn } from "./access.ts";
import { userOf } from "./authentication.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import type { PasswordGate } from "./password-gate.ts";
import { notFound, Refusal } from "./refusal.ts";
import { NoContent, strict, Uuid } from "./schemas.ts";

export const Code = Type.String({ minLength: 1, maxLength: 50, writeOnly: true });

const State = Type.Object({ isOn: Type.Boolean(), recoveryCodesLeft: Type.Integer() });
const Begin = Type.Object({ currentPassword: Type.String({ maxLength: 200, writeOnly: true }) }, strict);
const Begun = Type.Object({
  secret: Type.String({ description: "Base32, to type into an authenticator program; shown this once." }),
  uri: Type.String({ description: "The same for a QR code." }),
});
const CodeBody = Type.Object({ code: Code }, strict);
const Confirmed = Type.Object({
  recoveryCodes: Type.Array(Type.String(), {
    description: "Each does once in place of a code; shown this once, only hashes are kept.",
  }),
});
const UserParams = Type.Object({ userId: Uuid });

/** As authenticator programs read it (Key URI Format). */
const uriOf = (email: string, secret: string): string =>
  `otpauth://totp/Upchirp:${encodeURIComponent(email)}?secret=${secret}&issuer=Upchirp`;

const wrongCode = () => new Refusal("invalid_value", "The code is wrong, or was used before.", "/body/code");

export function secondFactorRoutes(api: Api, deps: ApiDependencies, gate: PasswordGate): void {
  const { secondFactors } = deps;
  api.get(
    "/me/second-factor",
    { config: { access: signedIn }, schema: { summary: "One's own second factor", response: { 200: State } } },
    async request => secondFactors.state(userOf(request).id),
  );
  api.post(
    "/me/second-factor",
    {
      config: { access: signedIn, answerIsSecret: true },
      schema: {
        summary: "Begin to use a second factor; it is on once it is confirmed",
        body: Begin,
        response: { 201: Begun },
      },
    },
    async (request, reply) => {
      const { id, name } = userOf(request);
      if ((await gate.password(request, reply, name, request.body.currentPassword)) === undefined) {
        throw new Refusal("invalid_value", "The current password is wrong.", "/body/currentPassword");
      }
      const secret = await secondFactors.begin(id);
      return reply.code(201).send({ secret, uri: uriOf(name, secret) });
    },
  );
  api.post(
    "/me/second-factor/confirmation",
    {
      config: { access: signedIn, answerIsSecret: true },
      schema: { summary: "Confirm it with a first code", body: CodeBody, response: { 200: Confirmed } },
    },
    async request => {
      const recoveryCodes = await secondFactors.confirm(userOf(request).id, request.body.code);
      if (recoveryCodes === undefined) throw wrongCode();
      return { recoveryCodes: [...recoveryCodes] };
    },
  );
  removalRoutes(api, deps, gate);
}

function removalRoutes(api: Api, { secondFactors }: ApiDependencies, gate: PasswordGate): void {
  const Removal = Type.Object({ ...Begin.properties, ...CodeBody.properties }, strict);
  api.post(
    "/me/second-factor/removal",
    {
      config: { access: signedIn },
      schema: { summary: "Use no second factor any more", body: Removal, response: { 204: NoContent } },
    },
    async (request, reply) => {
      const { id, name } = userOf(request);
      const { currentPassword: password, code } = request.body;
      const user = await gate.login(request, reply, { email: name, password, code });
      if (user === undefined) {
        throw new Refusal("invalid_value", "The current password is wrong.", "/body/currentPassword");
      }
      await secondFactors.remove(id);
      return reply.code(204).send(null);
    },
  );
  api.delete(
    "/users/:userId/second-factor",
    {
      config: { access: administrators },
      schema: {
        summary: "Remove a user's second factor, for who lost it",
        params: UserParams,
        response: { 204: NoContent },
      },
    },
    async (request, reply) => {
      if (!(await secondFactors.remove(parseUserId(request.params.userId)))) throw notFound("second factor");
      return reply.code(204).send(null);
    },
  );
}
