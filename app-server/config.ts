import { isIP } from "node:net";
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

/** Without TLS only on this machine. */
const webAddress = "^(https://|http://(localhost|127\\.0\\.0\\.1|\\[::1\\])([:/]|$))";

const groupsClaim = Type.String({
  minLength: 1,
  default: "groups",
  description: "Claim that lists groups; with dots for one inside another, like realm_access.roles.",
});

const groupRight = Type.Object({
  group: Type.String({ minLength: 1, description: "Name of a group at the identity provider." }),
  administrator: Type.Boolean({ default: false, description: "Whoever is in it is an administrator." }),
  tenantId: Type.Optional(
    Type.String({
      pattern: "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
      description: "Id of the tenant in which it gives the role.",
    }),
  ),
  role: Type.Optional(
    Type.Union(
      [Type.Literal("admin"), Type.Literal("device-manager"), Type.Literal("gateway-manager"), Type.Literal("viewer")],
      { description: "Role that it gives there." },
    ),
  ),
  applicationIds: Type.Optional(
    Type.Array(Type.String({ pattern: "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$" }), {
      minItems: 1,
      description: "Ids of the applications that a device-manager or viewer is limited to.",
    }),
  ),
});

const openId = Type.Object({
  issuer: Type.String({
    pattern: webAddress,
    description: "OpenID Connect provider; /.well-known/openid-configuration under it describes it.",
  }),
  clientId: Type.String({ minLength: 1, description: "What the provider knows this server as." }),
  clientSecret: Type.Optional(
    Type.String({ secret: true, description: "What this server proves it with; a public client has none." }),
  ),
  publicUrl: Type.String({
    pattern: webAddress,
    description:
      "Address that browsers have this server under; the provider sends them to /api/login/oidc/callback there.",
  }),
  scopes: Type.String({ default: "openid email profile", description: "Scopes that are asked for." }),
  groupsClaim,
});

const bearerTokens = Type.Object({
  issuer: Type.String({ minLength: 1, description: "Issuer (iss) of JSON Web Tokens that the API takes." }),
  audience: Type.String({ minLength: 1, description: "Audience (aud) that they must be for." }),
  jwksUrl: Type.String({ pattern: webAddress, description: "Where the issuer's public keys are." }),
  groupsClaim,
});

const directory = Type.Object({
  url: Type.String({ pattern: "^ldaps?://", description: "LDAP directory, for example ldaps://ldap.example.com." }),
  startTls: Type.Boolean({ default: false, description: "Turns to TLS (StartTLS) on an ldap:// connection." }),
  caFile: Type.Optional(
    Type.String({ description: "PEM file with the authorities that the directory's certificate is of." }),
  ),
  bindDn: Type.Optional(
    Type.String({ description: "Who looks for users and groups; nobody in particular without it." }),
  ),
  bindPassword: Type.Optional(Type.String({ secret: true, description: "Its password." })),
  baseDn: Type.String({ minLength: 1, description: "Where users are, for example ou=people,dc=example,dc=com." }),
  userFilter: Type.String({
    pattern: "\\{login\\}",
    default: "(|(uid={login})(mail={login}))",
    description: "Finds the one entry of what was typed as email; {login} stands for that.",
  }),
  idAttribute: Type.String({
    minLength: 1,
    default: "entryUUID",
    description: "What an entry is known by for ever; objectGUID in Active Directory.",
  }),
  emailAttribute: Type.String({ minLength: 1, default: "mail", description: "Where an entry has its email." }),
  groupBaseDn: Type.Optional(Type.String({ description: "Where groups are, if elsewhere." })),
  groupFilter: Type.String({
    pattern: "\\{dn\\}",
    default: "(member={dn})",
    description: "Finds the groups of a user, for whose name {dn} stands.",
  }),
  groupAttribute: Type.String({ minLength: 1, default: "cn", description: "Where a group has its name." }),
});

const login = Type.Object(
  {
    createUsers: Type.Boolean({
      default: false,
      description: "Whoever an identity provider vouches for becomes a user at the first login.",
    }),
    linkByEmail: Type.Boolean({
      default: false,
      description: "Or becomes the user who has this email already: the provider is trusted with every account then.",
    }),
    groups: Type.Array(groupRight, { default: [], description: "What groups at an identity provider mean here." }),
    oidc: Type.Optional(openId),
    jwt: Type.Optional(bearerTokens),
    ldap: Type.Optional(directory),
  },
  { default: {} },
);

const applicationKek = Type.Object({
  kekLabel: Type.String({ minLength: 1, description: "Label of a key-encryption key shared with a Join Server." }),
  kek: Type.String({
    pattern: "^([0-9a-fA-F]{32}|[0-9a-fA-F]{64})$",
    secret: true,
    description:
      "That key, 16 or 32 bytes in hex, which AppSKeys come wrapped under; the network server has no use for it.",
  }),
});

const days = (fallback: number, description: string) =>
  Type.Integer({ minimum: 1, maximum: 3650, default: fallback, description: `${description}, in days.` });

const historySchema = Type.Object(
  {
    enabled: Type.Boolean({ default: true, description: "Keeps events, frames and measurements in the database." }),
    eventDays: days(30, "How long events are kept, unless their tenant has a time of its own"),
    frameDays: Type.Integer({
      minimum: 0,
      maximum: 3650,
      default: 7,
      description: "How long frames are kept, in days, unless their tenant has a time of its own. 0: not at all.",
    }),
    measurementDays: days(400, "How long sums of measurements and of what devices and gateways did are kept"),
    maxMegabytes: Type.Integer({
      minimum: 1,
      default: 2048,
      description: "Events and frames kept for a tenant that has no limit of its own; the oldest give way.",
    }),
    maxBacklog: Type.Integer({
      minimum: 1000,
      default: 1_000_000,
      description: "Events that wait for a database that is away; further ones are missing in the history.",
    }),
  },
  { default: {} },
);

const twinSchema = Type.Object(
  {
    enabled: Type.Boolean({
      default: true,
      description: "Keeps what devices report in their twins and sends what is desired; off, twins stay as they are.",
    }),
    firstRetrySeconds: Type.Integer({
      minimum: 1,
      maximum: 86_400,
      default: 60,
      description:
        "How long after a downlink for a desired state the next one is sent if the device does not report it; twice as long after each.",
    }),
    longestRetrySeconds: Type.Integer({
      minimum: 1,
      maximum: 604_800,
      default: 21_600,
      description: "The longest such time.",
    }),
    maxAirtimeMsPerDay: Type.Integer({
      minimum: 100,
      default: 10_000,
      description: "What downlinks for desired states of one device may take of the air in 24 hours.",
    }),
  },
  { default: {} },
);

const coapSchema = Type.Object(
  {
    listen: Type.Optional(
      Type.String({
        pattern: "^(\\d{1,3}(\\.\\d{1,3}){3}|\\[[0-9a-fA-F:.]+\\]):\\d{1,5}$",
        description:
          "Address and UDP port that CoAP readers ask, for example 127.0.0.1:5683 or [::1]:5683; without it there is none. Passwords are in the clear: not for open networks.",
      }),
    ),
    maxObservers: Type.Integer({
      minimum: 1,
      maximum: 100_000,
      default: 1_000,
      description: "Readers that are told of news; a quarter of them at most from one address.",
    }),
  },
  { default: {} },
);

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
  login,
  console: Type.Object(
    {
      mapTilesUrl: Type.Optional(
        Type.String({
          pattern: "^https?://[^/?#]+/.*\\{z\\}",
          description:
            "Where the console's maps get their background, for example https://tiles.example.org/{z}/{x}/{y}.png; without it they show positions alone.",
        }),
      ),
    },
    { default: {} },
  ),
  queueLength: Type.Integer({ minimum: 1, default: 64, description: "Downlinks that may wait for one device." }),
  keyEncryptionKeys: Type.Array(applicationKek, {
    default: [],
    description: "Keys that AppSKeys of external Join Servers are wrapped under, for the application server alone.",
  }),
  codec: Type.Object(
    {
      workers: Type.Integer({ minimum: 1, maximum: 64, default: 2, description: "Threads that run codecs." }),
      timeLimitMs: Type.Integer({ minimum: 1, default: 100, description: "Time that one call of a codec may take." }),
    },
    { default: {} },
  ),
  integrations: Type.Object(
    {
      allowedNetworks: Type.Array(Type.String({ pattern: "^[0-9a-fA-F.:]+/\\d{1,3}$" }), {
        default: [],
        description:
          "Networks like 10.0.0.0/8 that users' integrations may reach beside public addresses; whoever may make integrations reaches every server there.",
      }),
    },
    { default: {} },
  ),
  history: historySchema,
  twin: twinSchema,
  coap: coapSchema,
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
export type GroupRight = Readonly<Static<typeof groupRight>>;
export type OpenIdConfig = Readonly<Static<typeof openId>>;
export type BearerTokenConfig = Readonly<Static<typeof bearerTokens>>;

export type TwinConfig = Readonly<Static<typeof twinSchema>>;
export type HistoryConfig = Readonly<Static<typeof historySchema>>;
export type DirectoryConfig = Readonly<Static<typeof directory>>;

/** What the schema cannot say; one line for each fault. */
export const appServerFaults = ({
  login: { groups, ldap },
  integrations,
  coap,
}: AppServerConfig): readonly string[] => [
  ...addressFaults(coap.listen),
  ...networkFaults(integrations.allowedNetworks),
  ...groupFaults(groups),
  ...(ldap === undefined ||
  ldap.startTls ||
  /^(ldaps:|ldap:\/\/(localhost|127\.0\.0\.1|\[::1\])(:|\/|$))/.test(ldap.url)
    ? []
    : ["appServer.login.ldap.url: passwords would cross the network in the clear; use ldaps:// or startTls"]),
];

function addressFaults(listen: string | undefined): readonly string[] {
  if (listen === undefined) return [];
  const [, address = "", port] = listen.match(/^\[?(.*?)\]?:(\d+)$/) ?? [];
  if (isIP(address) !== 0 && Number(port) <= 65535) return [];
  return ["appServer.coap.listen: an address and a port are written like 127.0.0.1:5683 or [::1]:5683"];
}

const networkFaults = (networks: readonly string[]): readonly string[] =>
  networks.flatMap((network, index) => {
    const [address = "", bits] = network.split("/");
    const version = isIP(address);
    if (version !== 0 && Number(bits) <= (version === 4 ? 32 : 128)) return [];
    return [`appServer.integrations.allowedNetworks[${index}]: a network is written like 10.0.0.0/8 or fd00::/8`];
  });

const groupFaults = (groups: readonly GroupRight[]): readonly string[] =>
  groups.flatMap(({ group, administrator, tenantId, role, applicationIds }, index) => {
    if (applicationIds !== undefined && role !== "device-manager" && role !== "viewer") {
      return [`appServer.login.groups[${index}] (${group}): only a device-manager or viewer has applicationIds`];
    }
    if ((tenantId === undefined) === (role === undefined) && (administrator || role !== undefined)) return [];
    return [
      `appServer.login.groups[${index}] (${group}): give administrator, or tenantId and role, which belong together`,
    ];
  });
