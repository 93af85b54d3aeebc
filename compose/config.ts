import Type, { type Static } from "typebox";
import { appServerConfigSchema } from "../app-server/config.ts";
import { joinServerConfigSchema } from "../join-server/config.ts";
import { networkServerConfigSchema } from "../network-server/config.ts";

const redis = Type.Object({
  url: Type.Optional(
    Type.String({
      pattern: "^rediss?://",
      secret: true,
      description: "Redis or Valkey, for example redis://host:6379; rediss:// is with TLS.",
    }),
  ),
  nodes: Type.Array(Type.String({ pattern: "^rediss?://" }), {
    default: [],
    secret: true,
    description: "Addresses of some nodes of a Redis Cluster, in place of url.",
  }),
  username: Type.Optional(Type.String({ description: "User name, unless the address has it." })),
  password: Type.Optional(Type.String({ secret: true, description: "Password, unless the address has it." })),
  caFile: Type.Optional(
    Type.String({ description: "PEM file with the authorities that the server's certificate is of." }),
  ),
  keyPrefix: Type.String({
    pattern: "^[^{}]*$",
    default: "upchirp:",
    description: "Begins every key, so that several systems can share a server.",
  }),
});

export const configSchema = Type.Object({
  dataFolder: Type.String({ default: "data", description: "Folder for everything that must survive a restart." }),
  log: Type.Object(
    {
      level: Type.Union(
        ["trace", "debug", "info", "warn", "error", "silent"].map(level => Type.Literal(level)),
        { default: "info", description: "Least level that is printed." },
      ),
    },
    { default: {} },
  ),
  http: Type.Object(
    {
      bind: Type.String({ default: "0.0.0.0", description: "Address of the API, health checks and metrics." }),
      port: Type.Integer({ minimum: 0, maximum: 65535, default: 8080, description: "TCP port of HTTP." }),
      trustedProxies: Type.Array(Type.String({ pattern: "^[0-9a-fA-F.:]+(/[0-9]{1,3})?$" }), {
        default: [],
        description:
          'Addresses or networks of reverse proxies, for example ["127.0.0.1"]. What they say in X-Forwarded-For and X-Forwarded-Proto of where a request comes from is believed.',
      }),
    },
    { default: {} },
  ),
  postgres: Type.Object(
    {
      url: Type.Optional(
        Type.String({
          pattern: "^postgres(ql)?://",
          secret: true,
          description: "PostgreSQL to use in place of the embedded one, for example postgresql://user@host/upchirp.",
        }),
      ),
    },
    { default: {} },
  ),
  state: Type.Object({ redis: Type.Optional(redis) }, { default: {} }),
  keyEncryptionKeys: Type.Optional(
    Type.String({
      secret: true,
      description: "Keys that stored device keys are encrypted under, newest first, in place of the key file.",
    }),
  ),
  networkServer: networkServerConfigSchema,
  joinServer: joinServerConfigSchema,
  appServer: appServerConfigSchema,
});

export type Config = Static<typeof configSchema>;
