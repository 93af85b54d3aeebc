import { dataOf } from "../../../../client/client.ts";
import { api } from "./queries.ts";

/** An integration with whether it delivers. */
export type IntegrationState = Awaited<ReturnType<typeof readIntegrationStates>>["items"][number];

export type IntegrationQuery = NonNullable<Parameters<typeof read>[0]>;
const read = (query: {
  limit?: number;
  after?: string;
  search?: string;
  sort?: "name" | "-name" | "createdAt" | "-createdAt";
  tenantId?: string;
  applicationId?: string;
}) => api.GET("/api/integrations/states", { params: { query } });

export const readIntegrationStates = async (query: IntegrationQuery) => dataOf(await read(query));

/** How it is doing, in a word and a colour. */
export function healthOf({ mode, circuit, deadLetters, queue, lastError, lastDeliveredAt }: IntegrationState | Health) {
  if (mode === "off") return { name: "off", color: "gray", isTrouble: false } as const;
  if (mode === "paused") return { name: "paused", color: "yellow", isTrouble: queue.messages > 0 } as const;
  if (circuit === "open") return { name: "receiver away", color: "red", isTrouble: true } as const;
  const isFailing = lastError !== null && (lastDeliveredAt === null || lastError.at > lastDeliveredAt);
  if (isFailing && queue.messages > 0) return { name: "failing", color: "red", isTrouble: true } as const;
  if (deadLetters > 0) return { name: "dead letters", color: "orange", isTrouble: true } as const;
  return { name: "delivering", color: "teal", isTrouble: false } as const;
}

type Health = Pick<IntegrationState, "mode" | "circuit" | "deadLetters" | "queue" | "lastError" | "lastDeliveredAt">;
