import Type, { type Static } from "typebox";

const client = Type.Object({
  netId: Type.String({ pattern: "^[0-9a-fA-F]{6}$", description: "NetID (SenderID) of the network server that asks." }),
  token: Type.String({ minLength: 16, secret: true, description: "Bearer token that it sends." }),
  kekLabel: Type.Optional(Type.String({ description: "Label of the key-encryption key shared with it." })),
  kek: Type.Optional(
    Type.String({
      pattern: "^([0-9a-fA-F]{32}|[0-9a-fA-F]{64})$",
      secret: true,
      description: "That key, 16 or 32 bytes in hex; without one keys travel in the clear inside TLS.",
    }),
  ),
});

export const joinServerConfigSchema = Type.Object({
  clients: Type.Array(client, {
    default: [],
    description: "Network servers that may ask over HTTP (TS002). Roles in one process need none.",
  }),
});

export type JoinServerConfig = Static<typeof joinServerConfigSchema>;
export type JoinServerClientConfig = Readonly<Static<typeof client>>;
