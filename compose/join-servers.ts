import type { JoinServerConfig } from "../join-server/config.ts";
import type { JoinServer } from "../join-server/server.ts";
import { createHttpJoinServer } from "../network-server/backend/join-server.ts";
import type { NetworkServerConfig } from "../network-server/config.ts";
import type { JoinServerClient } from "../network-server/ports.ts";
import { createMutualTlsServer, type HttpServer } from "../platform/http.ts";
import type { Log } from "../platform/log.ts";
import { readPem } from "../platform/pem-file.ts";

/** The Join Server that the configuration names, else the one in this process. Throws ConfigError. */
export function joinServerOf({ joinServer }: NetworkServerConfig, own: () => JoinServer): JoinServerClient {
  if (!joinServer) return own();
  const { url, token, caFile, certificateFile, keyFile, protocolVersion } = joinServer;
  const option = (name: string): string => `networkServer.joinServer.${name}`;
  return createHttpJoinServer({
    url,
    protocolVersion,
    ...(token !== undefined && { token }),
    ...(caFile !== undefined && { ca: readPem(option("caFile"), caFile) }),
    ...(certificateFile !== undefined && { certificate: readPem(option("certificateFile"), certificateFile) }),
    ...(keyFile !== undefined && { key: readPem(option("keyFile"), keyFile) }),
  });
}

/** What the schema cannot say; one line for each fault. */
export function joinServerFaultsOf({ joinServer }: NetworkServerConfig): readonly string[] {
  if (!joinServer) return [];
  const { token, certificateFile, keyFile, kek, kekLabel } = joinServer;
  const name = "networkServer.joinServer";
  return [
    ...(token === undefined && certificateFile === undefined ? [`${name}: give a token or a certificateFile`] : []),
    ...((certificateFile === undefined) !== (keyFile === undefined)
      ? [`${name}: certificateFile and keyFile go together`]
      : []),
    ...((kek === undefined) !== (kekLabel === undefined) ? [`${name}: kek and kekLabel go together`] : []),
  ];
}

export interface TlsListener {
  readonly http: HttpServer;
  readonly port: number;
}

/** TS002 with mutual TLS, where it is configured. Throws ConfigError or PortTaken. */
export async function listenWithTls(
  { tls }: JoinServerConfig,
  joinServer: Pick<JoinServer, "routes">,
  log: Log,
): Promise<TlsListener | undefined> {
  if (!tls) return undefined;
  const http = createMutualTlsServer(
    {
      certificate: readPem("joinServer.tls.certificateFile", tls.certificateFile),
      key: readPem("joinServer.tls.keyFile", tls.keyFile),
      clientCa: readPem("joinServer.tls.clientCaFile", tls.clientCaFile),
    },
    { log },
  );
  await http.app.register(joinServer.routes);
  const port = await http.listen({ host: tls.bind, port: tls.port, option: "joinServer.tls.port" });
  return { http, port };
}
