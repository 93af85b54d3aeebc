import Type, { type Static } from "typebox";

const kekPattern = "^([0-9a-fA-F]{32}|[0-9a-fA-F]{64})$";

const client = Type.Object({
  netId: Type.String({ pattern: "^[0-9a-fA-F]{6}$", description: "NetID (SenderID) of the network server that asks." }),
  token: Type.Optional(Type.String({ minLength: 16, secret: true, description: "Bearer token that it sends." })),
  certificate: Type.Optional(
    Type.String({
      minLength: 1,
      description: "Common name of its TLS client certificate; it is then let in over joinServer.tls alone.",
    }),
  ),
  kekLabel: Type.Optional(Type.String({ description: "Label of the key-encryption key shared with it." })),
  kek: Type.Optional(
    Type.String({
      pattern: kekPattern,
      secret: true,
      description: "That key, 16 or 32 bytes in hex; without one keys travel in the clear inside TLS.",
    }),
  ),
  appKekLabel: Type.Optional(
    Type.String({ description: "Label of the key-encryption key shared with its application server." }),
  ),
  appKek: Type.Optional(
    Type.String({
      pattern: kekPattern,
      secret: true,
      description: "That key; without one AppSKeys are for this installation's application server alone.",
    }),
  ),
});

const tls = Type.Object({
  bind: Type.String({ default: "0.0.0.0", description: "Address of TS002 with mutual TLS." }),
  port: Type.Integer({ minimum: 0, maximum: 65535, default: 8443, description: "TCP port of it." }),
  certificateFile: Type.String({ description: "PEM file with the Join Server's certificate." }),
  keyFile: Type.String({ description: "PEM file with its private key." }),
  clientCaFile: Type.String({ description: "PEM file with the authorities that clients' certificates are of." }),
});

export const joinServerConfigSchema = Type.Object({
  clients: Type.Array(client, {
    default: [],
    description: "Network servers that may ask over HTTP (TS002). Roles in one process need none.",
  }),
  tls: Type.Optional(tls),
  joinEuis: Type.Array(Type.String({ pattern: "^[0-9a-fA-F]{16}(/[0-9]{1,2})?$" }), {
    default: [],
    description: "JoinEUIs that are served over HTTP, like 70b3d57ed0000000/40 for a range; all when empty.",
  }),
});

export type JoinServerConfig = Static<typeof joinServerConfigSchema>;
export type JoinServerClientConfig = Readonly<Static<typeof client>>;

/** What the schema cannot say; one line for each fault. */
export const joinServerFaults = ({ clients, tls: listener }: JoinServerConfig): readonly string[] =>
  clients.flatMap(({ netId, token, certificate, ...keys }, index) => {
    const name = `joinServer.clients[${index}] (${netId})`;
    return [
      ...(token === undefined && certificate === undefined ? [`${name}: give it a token, a certificate or both`] : []),
      ...(certificate !== undefined && listener === undefined ? [`${name}: a certificate needs joinServer.tls`] : []),
      ...((keys.kek === undefined) !== (keys.kekLabel === undefined) ? [`${name}: kek and kekLabel go together`] : []),
      ...((keys.appKek === undefined) !== (keys.appKekLabel === undefined)
        ? [`${name}: appKek and appKekLabel go together`]
        : []),
    ];
  });
