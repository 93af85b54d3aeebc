import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { addressOf } from "../../app-server/coap/socket.ts";
import {
  codeOf,
  type DoctorCheck,
  type DoctorFinding,
  ill,
  messageOf,
  type Outcome,
  type Patient,
} from "./examination.ts";

interface Port {
  readonly what: string;
  readonly kind: "TCP" | "UDP";
  readonly bind: string;
  readonly port: number;
  readonly option: string;
}

function portsOf({ config, roles }: Patient): readonly Port[] {
  const { http, networkServer, joinServer, appServer } = config;
  const { broker } = appServer.mqtt;
  const ports: Port[] = [{ what: "HTTP", kind: "TCP", ...http, option: "http.port" }];
  if (roles.has("network-server")) {
    ports.push({ what: "gateways", kind: "UDP", ...networkServer.udp, option: "networkServer.udp.port" });
  }
  if (roles.has("app-server") && broker.enabled) {
    ports.push({ what: "MQTT", kind: "TCP", ...broker, option: "appServer.mqtt.broker.port" });
  }
  if (roles.has("app-server") && appServer.coap.listen !== undefined) {
    const { address: bind, port } = addressOf(appServer.coap.listen);
    ports.push({ what: "CoAP", kind: "UDP", bind, port, option: "appServer.coap.listen" });
  }
  if (roles.has("join-server") && joinServer.tls) {
    ports.push({ what: "TS002", kind: "TCP", ...joinServer.tls, option: "joinServer.tls.port" });
  }
  return ports;
}

/** Whether the server can have its ports, or has them. */
export const portsCheck: DoctorCheck = {
  name: "ports",
  async run(patient: Patient): Promise<Outcome> {
    const ports = portsOf(patient);
    const faults = await Promise.all(ports.map(async port => ({ port, fault: await faultOf(port) })));
    const findings = faults.flatMap(({ port, fault }) =>
      fault === undefined || (fault.code === "EADDRINUSE" && patient.isRunning) ? [] : [findingOf(port, fault)],
    );
    const texts = ports.map(({ what, kind, port }) => `${what} ${kind} ${port}`);
    return { found: `${texts.join(", ")}${patient.isRunning ? "; a server runs" : ""}`, findings };
  },
};

interface Fault {
  readonly code: string;
  readonly message: string;
}

/** Undefined: it could be bound, and is free again. */
async function faultOf({ kind, bind, port }: Port): Promise<Fault | undefined> {
  if (port === 0) return undefined;
  try {
    await (kind === "UDP" ? bindUdp(bind, port) : bindTcp(bind, port));
    return undefined;
  } catch (error) {
    return { code: codeOf(error), message: messageOf(error) };
  }
}

const bindUdp = (address: string, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
    socket.once("error", error => {
      socket.close();
      reject(error);
    });
    socket.bind({ address, port, exclusive: true }, () => socket.close(() => resolve()));
  });

const bindTcp = (host: string, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve()));
  });

function findingOf({ what, kind, bind, port, option }: Port, { code, message }: Fault): DoctorFinding {
  const name = `${kind} port ${port} (${what})`;
  if (code === "EADDRINUSE") {
    return ill("error", "port_taken", `${name} is in use by another program.`, [
      `See which: ${kind === "UDP" ? "ss -lunp" : "ss -ltnp"} | grep :${port}`,
      `Stop that program, or set ${option}.`,
    ]);
  }
  if (code === "EACCES") {
    return ill("error", "port_forbidden", `This user may not use ${name}.`, [
      `Set ${option} to 1024 or more, or allow it: AmbientCapabilities=CAP_NET_BIND_SERVICE in the systemd unit.`,
    ]);
  }
  if (code === "EADDRNOTAVAIL") {
    return ill("error", "address_not_here", `${bind}, where ${name} is to be, is no address of this machine.`, [
      `Set ${option.replace(/port$/, "bind")} to 0.0.0.0 or to one that is.`,
    ]);
  }
  return ill("error", "port_unusable", `${name} cannot be used: ${message}.`, [`Set ${option}.`]);
}
