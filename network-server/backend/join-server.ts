import { Compile } from "typebox/compile";
import { joinAnsSchema, rejoinAnsSchema } from "../../lorawan/backend/messages.ts";
import { UpchirpError } from "../../lorawan/errors.ts";
import type { JoinServerClient } from "../ports.ts";
import { createPoster, type PosterOptions } from "./post.ts";

/** The Join Server could not be asked, or what came back is no answer. The device tries again by itself. */
export class JoinServerUnavailable extends UpchirpError {
  readonly code = "join_server_unavailable";
}

export interface HttpJoinServerOptions extends Omit<PosterOptions, "timeoutMs"> {
  readonly protocolVersion: "1.0" | "1.1";
}

const joinAns = Compile(joinAnsSchema);
const rejoinAns = Compile(rejoinAnsSchema);
/** RX2 of a Join-Accept opens after 6 s: an answer after 4 s is of no more use to anyone. */
const timeoutMs = 4_000;

/** TS002-1.1.0 over HTTP, with mutual TLS where a certificate is given. */
export function createHttpJoinServer({ protocolVersion, ...options }: HttpJoinServerOptions): JoinServerClient {
  const { url } = options;
  const post = createPoster({ ...options, timeoutMs });

  async function ask(request: Transacted): Promise<unknown> {
    try {
      return await post({ ...request, ProtocolVersion: protocolVersion });
    } catch (error) {
      const reason = error instanceof Error ? error.message : "unknown";
      throw new JoinServerUnavailable(`the Join Server at ${url} did not answer`, { url, reason });
    }
  }

  return {
    async join(request) {
      const answer = await ask(request);
      if (!joinAns.Check(answer)) throw new JoinServerUnavailable("the Join Server's answer is no JoinAns", { url });
      checkTransaction(url, request, answer);
      return answer;
    },
    async rejoin(request) {
      const answer = await ask(request);
      if (!rejoinAns.Check(answer))
        throw new JoinServerUnavailable("the Join Server's answer is no RejoinAns", { url });
      checkTransaction(url, request, answer);
      return answer;
    },
  };
}

interface Transacted {
  readonly TransactionID: number;
}

function checkTransaction(url: string, request: Transacted, answer: Transacted): void {
  if (answer.TransactionID === request.TransactionID) return;
  throw new JoinServerUnavailable("the Join Server answered another transaction", { url });
}
