import { randomUUID } from "node:crypto";
import { parseApplicationId, parseDevEui } from "../../lorawan/ids.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import type { ConfiguredIntegration, SinkFactory, SinkOutcome, SinkTools } from "../integration-ports.ts";
import type { ApplicationCommands } from "../ports.ts";
import { formatMessage, mappingFault } from "./format.ts";
import type { Outbound } from "./outbound.ts";
import type { SinkContext, SinkKind } from "./sinks/kind.ts";

export interface SinkOptions {
  readonly kinds: readonly SinkKind[];
  readonly outbound: Outbound;
  readonly commands: ApplicationCommands;
  /** Several processes of the installation send. */
  readonly isShared: boolean;
  readonly clock: Clock;
  readonly log: Log;
}

const testLimitMs = 15_000;

/** Sinks by their kind: for the engine, and for the API. */
export function createSinks(options: SinkOptions): SinkFactory & SinkTools {
  const { kinds, clock } = options;
  const byKind = new Map(kinds.map(kind => [kind.kind, kind]));
  const kindOf = ({ integration }: ConfiguredIntegration): SinkKind => {
    const kind = byKind.get(integration.kind);
    if (kind === undefined) throw new Error(`this version has no integration of the kind ${integration.kind}`);
    return kind;
  };
  const contextOf = ({ integration }: ConfiguredIntegration): SinkContext => ({
    integrationId: integration.id,
    tenantId: integration.tenantId,
    applicationId: integration.applicationId,
    format: integration.format,
    outbound: options.outbound,
    commands: options.commands,
    isShared: options.isShared,
    clock,
    log: options.log.child({ integrationId: integration.id, kind: integration.kind }),
  });
  return {
    kinds,
    faults: (kind, settings, secrets) =>
      byKind.get(kind)?.faults(settings, secrets) ?? [{ path: "/kind", message: "there is no such kind" }],
    mappingFault,
    open(configured) {
      const kind = kindOf(configured);
      const sink = kind.open(configured, contextOf(configured));
      return {
        maxBatch: kind.maxBatch,
        maxInFlight: kind.maxInFlight(configured.integration.settings),
        deliver: (messages, signal) => sink.deliver(messages, signal),
        close: () => sink.close(),
      };
    },
    format: formatMessage,
    staysOpen: ({ kind, settings }) => byKind.get(kind)?.staysOpen(settings) ?? false,
    async test(configured) {
      const startUs = clock.monotonicUs();
      const outcome = await tried(kindOf(configured), configured, contextOf(configured));
      const message = outcome.kind === "delivered" ? "" : outcome.message;
      return { outcome: outcome.kind, message, durationMs: Math.round((clock.monotonicUs() - startUs) / 1000) };
    },
  };
}

async function tried(kind: SinkKind, configured: ConfiguredIntegration, context: SinkContext): Promise<SinkOutcome> {
  const { integration } = configured;
  const signal = AbortSignal.timeout(testLimitMs);
  const late = new Promise<SinkOutcome>(resolve => {
    signal.addEventListener("abort", () =>
      resolve({ kind: "unavailable", message: `no answer within ${testLimitMs / 1000} s` }),
    );
  });
  try {
    const sink = kind.open(configured, context);
    try {
      const message = formatMessage(integration, testMessage(configured, context.clock));
      return await Promise.race([late, sink.deliver([message], signal)]);
    } finally {
      await sink.close();
    }
  } catch (error) {
    return { kind: "unavailable", message: error instanceof Error ? error.message : "it failed" };
  }
}

const nobody = "00000000-0000-0000-0000-000000000000";
const devEui = parseDevEui("0000000000000000");

/** An uplink of no device, which says so by a tag. */
function testMessage({ integration }: ConfiguredIntegration, clock: Clock) {
  const { id: integrationId, tenantId } = integration;
  const applicationId = integration.applicationId ?? parseApplicationId(nobody);
  const event = {
    deduplicationId: randomUUID(),
    time: new Date(clock.nowMs()).toISOString(),
    deviceInfo: {
      tenantId,
      tenantName: "test",
      applicationId,
      applicationName: "test",
      deviceProfileId: nobody,
      deviceProfileName: "test",
      deviceName: "upchirp-test",
      devEui,
      deviceClassEnabled: "CLASS_A",
      tags: { upchirp: "test" },
    },
    devAddr: "00000000",
    adr: false,
    dr: 0,
    fCnt: 0,
    fPort: 1,
    confirmed: false,
    data: "AA==",
    object: {},
    rxInfo: [],
    txInfo: {
      frequency: 868_100_000,
      modulation: { lora: { bandwidth: 125_000, spreadingFactor: 7, codeRate: "CR_4_5" } },
    },
    regionConfigId: "eu868",
  };
  const kind = "up" as const;
  return { integrationId, partition: 0, devEui, applicationId, tenantId, kind, event: JSON.stringify(event), seq: 0 };
}
