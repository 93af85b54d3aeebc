import { once } from "node:events";
import { createServer } from "node:http";
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
  end(): Promise<void>;
}

export const testClient = { id: "upchirp", secret: "a secret of the client alone", publicUrl: "http://localhost:8080" };

/** A real provider on loopback that asks nobody for a password. */
export async function startOpenIdProvider(): Promise<TestOpenIdProvider> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("no address");
  const issuer = `http://127.0.0.1:${address.port}`;
  const accounts = new Map<string, TestAccount>();
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: testClient.id,
        client_secret: testClient.secret,
        redirect_uris: [`${testClient.publicUrl}/api/login/oidc/callback`],
        post_logout_redirect_uris: [testClient.publicUrl],
      },
    ],
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["groups"] },
    cookies: { keys: ["signs the cookies of this test"] },
    ttl: { AccessToken: 600, Grant: 600, IdToken: 600, Interaction: 600, Session: 600 },
    pkce: { required: () => true },
    features: { devInteractions: { enabled: false } },
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
      const cookies = new Map<string, string>();
      for (let next = new URL(url); ; ) {
        if (next.origin !== issuer) return next;
        const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
        const response = await fetch(next, { redirect: "manual", headers: { cookie } });
        for (const line of response.headers.getSetCookie()) {
          const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
          cookies.set(name, value);
        }
        const location = response.headers.get("location");
        if (location === null) throw new Error(`${next.pathname}: ${response.status} ${await response.text()}`);
        next = new URL(location, next);
      }
    },
    async end() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  return self;
}
