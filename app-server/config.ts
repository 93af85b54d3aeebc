import Type, { type Static } from "typebox";

const embedded = Type.Object(
  {
    enabled: Type.Boolean({ default: true, description: "Runs an MQTT broker in this process." }),
    bind: Type.String({ default: "0.0.0.0", description: "Address that MQTT clients connect to." }),
    port: Type.Integer({ minimum: 0, maximum: 65535, default: 1883, description: "TCP port of the broker." }),
  },
  { default: {} },
);

const external = Type.Object({
  url: Type.String({
    pattern: "^(mqtts?|wss?)://",
    description: "Broker to publish to and take commands from, for example mqtts://broker.example:8883.",
  }),
  username: Type.Optional(Type.String({ description: "User name." })),
  password: Type.Optional(Type.String({ secret: true, description: "Password." })),
  clientId: Type.Optional(Type.String({ description: "Keeps commands while this server is away; one per instance." })),
  commandGroup: Type.String({
    pattern: "^[^/+#$]*$",
    default: "upchirp",
    description:
      "Where state is in Redis: the shared subscription ($share) by which each command goes to one of several application servers. Empty for a broker that has none.",
  }),
  caFile: Type.Optional(
    Type.String({ description: "PEM file with the authorities that the broker's certificate is of." }),
  ),
  certificateFile: Type.Optional(Type.String({ description: "PEM file with the client certificate." })),
  keyFile: Type.Optional(Type.String({ description: "PEM file with the client certificate's key." })),
});

export const appServerConfigSchema = Type.Object({
  administratorEmail: Type.String({
    default: "admin@localhost",
    description: "Name of the administrator that the first start creates.",
  }),
  deviceCacheSize: Type.Integer({ minimum: 1000, default: 200_000, description: "Device records kept in memory." }),
  apiKeys: Type.Object(
    {
      requestsPerMinute: Type.Integer({
        minimum: 0,
        default: 6000,
        description:
          "Requests that an API key of a tenant may make in a minute, unless it has a number of its own. 0: any.",
      }),
    },
    { default: {} },
  ),
  queueLength: Type.Integer({ minimum: 1, default: 64, description: "Downlinks that may wait for one device." }),
  codec: Type.Object(
    {
      workers: Type.Integer({ minimum: 1, maximum: 64, default: 2, description: "Threads that run codecs." }),
      timeLimitMs: Type.Integer({ minimum: 1, default: 100, description: "Time that one call of a codec may take." }),
    },
    { default: {} },
  ),
  mqtt: Type.Object(
    {
      qos: Type.Union([Type.Literal(0), Type.Literal(1)], { default: 1, description: "Quality of service of events." }),
      retain: Type.Boolean({ default: false, description: "Publishes events as retained messages." }),
      broker: embedded,
      external: Type.Optional(external),
    },
    { default: {} },
  ),
});

export type AppServerConfig = Static<typeof appServerConfigSchema>;
