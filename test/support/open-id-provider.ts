import { once } from "node:events";
import { createServer } from "node:http";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import Provider from "oidc-provider";

export interface TestAccount {
  readonly sub: string;
  readonly email: string;
  readonly email_verified: boolean;
  readonly groups: readonly string[];
}

export interface TestOpenIdProvider {
  readonly issuer: string;
  /** Who is logged in as soon as a browser arrives. */
  account: TestAccount;
  /** What a browser does, from the provider's login page until it is sent back: the address it is sent to. */
  visit(url: string): Promise<URL>;
  /** What the browser of the last visit does to end its login there. */
  logOut(endSessionUrl: string): Promise<void>;
  /** A token signed with the provider's key. */
  sign(type: string, claims: Readonly<Record<string, unknown>>): Promise<string>;
  end(): Promise<void>;
}

export const testClient = { id: "upchirp", secret: "a secret of the client alone", publicUrl: "http://localhost:8080" };

/** A real provider on loopback that asks nobody for a password, and tells `logoutUrl` of logins that have ended. */
export async function startOpenIdProvider(logoutUrl?: string): Promise<TestOpenIdProvider> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("no address");
  const issuer = `http://127.0.0.1:${address.port}`;
  const accounts = new Map<string, TestAccount>();
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  let cookies = new Map<string, string>();
  const ask = async (url: URL, init: RequestInit = {}): Promise<Response> => {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const response = await fetch(url, { redirect: "manual", ...init, headers: { cookie } });
    for (const line of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      cookies.set(name, value);
    }
    return response;
  };
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: testClient.id,
        client_secret: testClient.secret,
        redirect_uris: [`${testClient.publicUrl}/api/login/oidc/callback`],
        post_logout_redirect_uris: [testClient.publicUrl],
        ...(logoutUrl !== undefined && {
          backchannel_logout_uri: logoutUrl,
          backchannel_logout_session_required: true,
        }),
      },
    ],
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["groups"] },
    cookies: { keys: ["signs the cookies of this test"] },
    ttl: { AccessToken: 600, Grant: 600, IdToken: 600, Interaction: 600, Session: 600 },
    pkce: { required: () => true },
    // Its own refuses addresses of this machine.
    fetch: (url, options = {}) =>
      fetch(url, Object.fromEntries(Object.entries(options).filter(([name]) => name !== "dispatcher"))),
    features: { devInteractions: { enabled: false }, backchannelLogout: { enabled: true } },
    jwks: { keys: [await exportJWK(privateKey).then(jwk => ({ ...jwk, kid: "test", use: "sig" }))] },
    clientDefaults: { id_token_signed_response_alg: "ES256" },
    interactions: { url: (_context, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_context, id) => ({ accountId: id, claims: async () => ({ ...accounts.get(id), sub: id }) }),
    async loadExistingGrant({ oidc }) {
      const grant = new provider.Grant({ clientId: testClient.id, accountId: oidc.session?.accountId ?? "" });
      grant.addOIDCScope("openid email profile");
      await grant.save();
      return grant;
    },
  });
  const handle = provider.callback();
  server.on("request", (request, response) => {
    if (request.url?.startsWith("/interaction/") === true) {
      const { account } = self;
      accounts.set(account.sub, account);
      void provider.interactionFinished(request, response, { login: { accountId: account.sub } });
    } else {
      void handle(request, response);
    }
  });
  const self: TestOpenIdProvider = {
    issuer,
    account: { sub: "ada", email: "ada@example.org", email_verified: true, groups: [] },
    async visit(url) {
      cookies = new Map();
      for (let next = new URL(url); ; ) {
        if (next.origin !== issuer) return next;
        const response = await ask(next);
        const location = response.headers.get("location");
        if (location === null) throw new Error(`${next.pathname}: ${response.status} ${await response.text()}`);
        next = new URL(location, next);
      }
    },
    async logOut(endSessionUrl) {
      const page = await (await ask(new URL(endSessionUrl))).text();
      const [, action = ""] = /action="([^"]+)"/.exec(page) ?? [];
      const [, xsrf = ""] = /name="xsrf" value="([^"]+)"/.exec(page) ?? [];
      await ask(new URL(action), { method: "POST", body: new URLSearchParams({ xsrf, logout: "yes" }) });
    },
    sign: (typ, claims) => new SignJWT(claims).setProtectedHeader({ alg: "ES256", kid: "test", typ }).sign(privateKey),
    async end() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  return self;
}
