import fastify from "fastify";
import { Compile } from "typebox/compile";
import { onTestFinished } from "vitest";
import { createJoinAnswerer, type KeyWrap } from "../../join-server/answer.ts";
import { wrapKey } from "../../lorawan/backend/key-envelope.ts";
import { joinReqSchema, rejoinReqSchema } from "../../lorawan/backend/messages.ts";
import { type DevEui, parseNetId } from "../../lorawan/ids.ts";
import { createHttpJoinServer } from "../../network-server/backend/join-server.ts";
import type { JoinServerClient } from "../../network-server/ports.ts";
import { memoryJoinStores } from "./join-stores.ts";

/** What becomes of the AppSKey in the answers: kept back, or wrapped under a key of the Join Server's. */
export type AppSKeyPolicy =
  | { readonly kind: "kept"; readonly sessionKeyId: string }
  | { readonly kind: "wrapped"; readonly kekLabel: string; readonly kek: Uint8Array };

const isJoinReq = Compile(joinReqSchema);
const isRejoinReq = Compile(rejoinReqSchema);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** Somebody else's Join Server, which speaks TS002 over HTTP and has its own idea of who sees AppSKeys. */
export async function startExternalJoinServer(
  policy: () => AppSKeyPolicy,
  devices: readonly { readonly devEui: DevEui; readonly nwkKey: Uint8Array; readonly appKey: Uint8Array }[],
) {
  const { rootKeys, nonces } = memoryJoinStores();
  for (const { devEui, ...keys } of devices) await rootKeys.put(devEui, keys);
  const answerer = createJoinAnswerer(rootKeys, nonces, parseNetId("000000"));
  const wrap: KeyWrap = {
    networkKey: key => ({ AESKey: hex(key) }),
    appSKey(key) {
      const now = policy();
      return now.kind === "kept"
        ? { AESKey: "" }
        : { KEKLabel: now.kekLabel, AESKey: `0x${hex(wrapKey(now.kek, key)).toUpperCase()}` };
    },
  };
  const http = fastify();
  http.post("/ts002", async ({ body }) => {
    const answer = isJoinReq.Check(body)
      ? await answerer.join(body, wrap)
      : isRejoinReq.Check(body)
        ? await answerer.rejoin(body, wrap)
        : {};
    const now = policy();
    return now.kind === "kept" ? { ...answer, AppSKey: undefined, SessionKeyID: now.sessionKeyId } : answer;
  });
  onTestFinished(() => http.close());
  const url = `${await http.listen({ host: "127.0.0.1", port: 0 })}/ts002`;
  const client = createHttpJoinServer({ url, protocolVersion: "1.1", token: "a token of ours alone" });

  // A virtual clock does not wait for the network: a test lets time pass, waits here, and goes on.
  const asked: Promise<unknown>[] = [];
  const track = <Answer>(answer: Promise<Answer>): Promise<Answer> => {
    asked.push(answer);
    return answer;
  };
  const tracked: JoinServerClient = {
    join: request => track(client.join(request)),
    rejoin: request => track(client.rejoin(request)),
  };
  return {
    client: tracked,
    answered: async (): Promise<void> => {
      await Promise.allSettled(asked);
    },
  };
}
