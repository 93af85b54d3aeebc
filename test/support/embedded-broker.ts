import {
  type EmbeddedBroker,
  type EmbeddedBrokerOptions,
  startEmbeddedBroker,
} from "../../app-server/integration/embedded-broker.ts";
import type { ApplicationId } from "../../lorawan/ids.ts";
import { systemClock } from "../../platform/clock.ts";
import { createLog } from "../../platform/log.ts";
import { createMetrics } from "../../platform/metrics.ts";

/** The broker inside on a free port, with its sessions in `folder`, for any login of `applicationId`. */
export const startTestBroker = (
  folder: string,
  applicationId: ApplicationId,
  options: Partial<EmbeddedBrokerOptions> = {},
): Promise<EmbeddedBroker> =>
  startEmbeddedBroker({
    host: "127.0.0.1",
    port: 0,
    credentials: {
      verify: async () => ({ applicationId, isReadOnly: false }),
      exists: async () => true,
      onChange: () => () => undefined,
    },
    commands: { down: async () => ({ kind: "enqueued", id: "none" }) },
    qos: 1,
    retain: false,
    sessionFolder: folder,
    clock: systemClock,
    log: createLog({ level: "silent" }),
    metrics: createMetrics(),
    ...options,
  });
