import { Compile } from "typebox/compile";
import { joinAnsSchema, rejoinAnsSchema } from "../../lorawan/backend/messages.ts";
import { UpchirpError } from "../../lorawan/errors.ts";
import type { JoinServerClient } from "../ports.ts";

/** The Join Server could not be asked, or what came back is no answer. The device tries again by itself. */
export class JoinServerUnavailable extends UpchirpError {
  readonly code = "join_server_unavailable";
}

export interface HttpJoinServerOptions {
  /** Where JoinReq and RejoinReq messages are posted to, for example https://join.example/ts002. */
  readonly url: string;
  readonly token: string;
}

const joinAns = Compile(joinAnsSchema);
const rejoinAns = Compile(rejoinAnsSchema);
/** RX2 of a Join-Accept opens after 6 s: an answer after 4 s is of no more use to anyone. */
const timeoutMs = 4_000;

/** TS002-1.1.0 over HTTP. */
export const createHttpJoinServer = ({ url, token }: HttpJoinServerOptions): JoinServerClient => ({
  async join(request) {
    const answer = await post(url, token, request);
    if (!joinAns.Check(answer)) throw new JoinServerUnavailable("the Join Server's answer is no JoinAns", { url });
    checkTransaction(url, request, answer);
    return answer;
  },
  async rejoin(request) {
    const answer = await post(url, token, request);
    if (!rejoinAns.Check(answer)) throw new JoinServerUnavailable("the Join Server's answer is no RejoinAns", { url });
    checkTransaction(url, request, answer);
    return answer;
  },
});

interface Transacted {
  readonly TransactionID: number;
}

function checkTransaction(url: string, request: Transacted, answer: Transacted): void {
  if (answer.TransactionID === request.TransactionID) return;
  throw new JoinServerUnavailable("the Join Server answered another transaction", { url });
}

async function post(url: string, token: string, body: unknown): Promise<unknown> {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      body: JSON.stringify(body),
      redirect: "error",
      signal: AbortSignal.timeout(timeoutMs),
    });
    const answer: unknown = await response.json();
    return answer;
  } catch (error) {
    const reason = error instanceof Error ? error.message : "unknown";
    throw new JoinServerUnavailable(`the Join Server at ${url} did not answer`, { url, reason });
  }
}
