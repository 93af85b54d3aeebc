import Type from "typebox";
import { administrators, signedIn } from "./access.ts";
import type { Api, ApiDependencies } from "./dependencies.ts";
import { listOf, Time, timeOf } from "./schemas.ts";

const NullablePort = Type.Union([Type.Integer(), Type.Null()]);
const Server = Type.Object({
  version: Type.String(),
  gatewayUdpPort: Type.Integer({ description: "Where gateways send to, at the network server." }),
  mqttPort: Type.Union([Type.Integer(), Type.Null()], { description: "Of the broker inside; null: there is none." }),
});
const Setting = Type.Object({
  path: Type.String({ description: "`networkServer.udp.port`." }),
  value: Type.Optional(Type.Unknown({ description: "Absent where nothing is set, and for every secret." })),
  isSecret: Type.Boolean(),
  isSet: Type.Boolean({ description: "Whether there is a value, of a secret too." }),
  isDefault: Type.Boolean(),
  description: Type.String(),
});
const Process = Type.Object({
  version: Type.String(),
  nodeVersion: Type.String(),
  platform: Type.String(),
  roles: listOf(Type.String()),
  startedAt: Time,
  memoryBytes: Type.Integer({ description: "Resident." }),
  mqttPort: NullablePort,
  settings: listOf(Setting),
});

/** The server about itself. */
export function serverRoutes(api: Api, { server, version, clock }: ApiDependencies): void {
  const { gatewayUdpPort, mqttPort, roles, startedAtMs, settings } = server;
  api.get(
    "/server",
    {
      config: { access: signedIn },
      schema: { summary: "Where gateways and applications find this server", response: { 200: Server } },
    },
    async () => ({ version, gatewayUdpPort, mqttPort: mqttPort ?? null }),
  );
  api.get(
    "/server/process",
    {
      config: { access: administrators },
      schema: {
        summary: "The process that answers, and the configuration that it runs with",
        description: "Without one secret: of those it is told whether they are set.",
        response: { 200: Process },
      },
    },
    async () => ({
      version,
      nodeVersion: process.version,
      platform: `${process.platform} ${process.arch}`,
      roles,
      startedAt: timeOf(Math.min(startedAtMs, clock.nowMs())),
      memoryBytes: process.memoryUsage.rss(),
      mqttPort: mqttPort ?? null,
      settings,
    }),
  );
}
