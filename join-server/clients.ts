import { createHash, timingSafeEqual } from "node:crypto";
import { wrapKey } from "../lorawan/backend/key-envelope.ts";
import type { KeyWrap } from "./answer.ts";
import type { JoinServerClientConfig } from "./config.ts";

/** What a caller shows of itself. */
export interface Credentials {
  readonly authorization: string | undefined;
  /** Common name of a client certificate that has been verified; absent over plain HTTP. */
  readonly certificate?: string;
}

/**
 * Who calls, or undefined. A client with a certificate is known by it alone, over TLS, and by its token as well where it
 * has one; a client without one is known by its token.
 */
export function clientOf(
  clients: readonly JoinServerClientConfig[],
  { authorization, certificate }: Credentials,
): JoinServerClientConfig | undefined {
  const token = /^Bearer (.+)$/.exec(authorization ?? "")?.[1];
  return clients.find(client => client.certificate === certificate && hasToken(client, token));
}

/** A client without a certificate must have a token: nobody may be let in by nothing. */
const hasToken = (client: JoinServerClientConfig, token: string | undefined): boolean =>
  client.token === undefined
    ? client.certificate !== undefined
    : token !== undefined && timingSafeEqual(digest(client.token), digest(token));

const digest = (text: string): Uint8Array => createHash("sha256").update(text).digest();

/** How keys travel to this client: under the keys shared with it (TS002 13), else in the clear inside TLS. */
export const keyWrapFor = (client: JoinServerClientConfig, ownAppSKeyWrap: KeyWrap["appSKey"]): KeyWrap => ({
  networkKey: wrapUnder(client.kekLabel, client.kek) ?? (key => ({ AESKey: hex(key) })),
  appSKey: wrapUnder(client.appKekLabel, client.appKek) ?? ownAppSKeyWrap,
});

function wrapUnder(kekLabel: string | undefined, kek: string | undefined): KeyWrap["networkKey"] | undefined {
  if (kekLabel === undefined || kek === undefined) return undefined;
  const kekBytes = Buffer.from(kek, "hex");
  return key => ({ KEKLabel: kekLabel, AESKey: hex(wrapKey(kekBytes, key)) });
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
