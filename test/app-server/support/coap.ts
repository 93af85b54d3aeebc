import { generate, type NamedOption, type ParsedPacket, parse } from "coap-packet";
import type { Endpoint } from "../../../app-server/coap/observers.ts";
import { startCoapServer } from "../../../app-server/coap/server.ts";
import type { DatagramSocket } from "../../../app-server/coap/socket.ts";
import { measurementsOf } from "../../../app-server/history/measured.ts";
import type { ApplicationEvent, MqttLogin } from "../../../app-server/ports.ts";
import type { DevEui } from "../../../lorawan/ids.ts";
import type { Clock } from "../../../platform/clock.ts";
import { createLog } from "../../../platform/log.ts";
import { createMetrics } from "../../../platform/metrics.ts";
import { createVirtualClock } from "../../support/virtual-clock.ts";
import { applicationId, devEui, deviceInfo, directoryDevice } from "./fixtures.ts";

export const reader = { username: "reader", password: "a long secret" };
export const auth = [`u=${reader.username}`, `p=${reader.password}`];

/** Everything that a CoAP server reads, made by hand: one device, one login. */
export function createCoapTools() {
  const logins = new Map<string, MqttLogin & { password: string }>([
    [reader.username, { password: reader.password, applicationId, isReadOnly: true }],
  ]);
  const loginListeners = new Set<(username?: string) => void>();
  const eventListeners = new Set<(event: ApplicationEvent) => void>();
  const events = new Map<DevEui, ApplicationEvent[]>();
  const state = { owner: applicationId, checks: 0, beforeRead: async (): Promise<void> => undefined };
  let uplinks = 0;
  const tools = {
    credentials: {
      async verify(username: string, password: string) {
        state.checks += 1;
        const login = logins.get(username);
        return login?.password === password ? login : undefined;
      },
      exists: async (username: string) => logins.has(username),
      onChange(listener: (username?: string) => void) {
        loginListeners.add(listener);
        return () => void loginListeners.delete(listener);
      },
    },
    directory: {
      device: async (id: DevEui) =>
        id === devEui ? directoryDevice({ kind: "none" }, { applicationId: state.owner }) : undefined,
    },
    history: {
      async events() {
        const last = events.get(devEui)?.at(-1);
        await state.beforeRead();
        if (last === undefined) return { items: [] };
        return { items: [{ ...last, kind: "up" as const, id: "", time: "", json: last.json }] };
      },
    },
    measurements: {
      async latest() {
        const objects = (events.get(devEui) ?? []).map(({ json }) => JSON.parse(json).object);
        const all = new Map(objects.flatMap(object => measurementsOf(object)));
        return [...all].map(([key, value]) => ({ key, name: key, unit: "", kind: "gauge" as const, value, time: "" }));
      },
    },
    measurementsOf,
    feed: {
      subscribe(listener: (event: ApplicationEvent) => void) {
        eventListeners.add(listener);
        return () => void eventListeners.delete(listener);
      },
    },
  };
  return {
    tools,
    state,
    logins,
    listeners: eventListeners,
    changeLogin: (username?: string) => {
      for (const listener of loginListeners) listener(username);
    },
    uplink(object: Readonly<Record<string, unknown>>, of = applicationId): void {
      uplinks += 1;
      const body = { time: "2026-01-01T00:00:00.000Z", fCnt: uplinks, fPort: 2, data: "AQ==", object };
      const { tenantId } = deviceInfo;
      const event = { kind: "up", tenantId, applicationId: of, devEui, json: JSON.stringify(body) } as const;
      events.set(devEui, [...(events.get(devEui) ?? []), event]);
      for (const listener of eventListeners) listener(event);
    },
  };
}

export interface Sent extends ParsedPacket {
  readonly bytes: Buffer;
  readonly to: Endpoint;
}

/** A server on a socket that is none, under a clock that a test moves. */
export function createCoapScene({ maxObservers = 100 } = {}) {
  const parts = createCoapTools();
  const clock = createVirtualClock();
  const sent: Sent[] = [];
  let receive = (_bytes: Buffer, _from: Endpoint): void => undefined;
  const socket: DatagramSocket = {
    port: 5683,
    send: (bytes, to) => void sent.push({ ...parse(bytes), bytes, to }),
    onMessage(listener) {
      receive = listener;
    },
    close: async () => undefined,
  };
  const server = startCoapServer({ ...parts.tools, socket, maxObservers, ...ambient(clock), random: () => 0 });
  const home: Endpoint = { address: "192.0.2.1", port: 40_000 };
  let messages = 0;
  const give = async (bytes: Buffer, from = home): Promise<readonly Sent[]> => {
    const before = sent.length;
    receive(bytes, from);
    await clock.settle();
    return sent.slice(before);
  };
  return {
    ...parts,
    clock,
    sent,
    server,
    give,
    /** Sends a confirmable GET; gives what came back at once. */
    async get(path: string, more: GetOptions = {}): Promise<Sent> {
      messages += 1;
      const answers = await give(getRequest(path, { messageId: messages, ...more }), more.from);
      const [answer] = answers;
      if (answer === undefined) throw new Error("there was no answer");
      return answer;
    },
    answer: (message: Sent, kind: "ack" | "reset", from = message.to) =>
      give(generate({ [kind]: true, code: "0.00", messageId: message.messageId }), from),
  };
}

export const ambient = (clock: Clock) => ({ clock, log: createLog({ level: "silent" }), metrics: createMetrics() });

interface GetOptions {
  readonly query?: readonly string[];
  readonly token?: Buffer;
  readonly messageId?: number;
  readonly code?: string;
  readonly options?: readonly NamedOption[];
  readonly from?: Endpoint;
  readonly confirmable?: boolean;
}

export function getRequest(path: string, more: GetOptions = {}): Buffer {
  const { query = auth, token = Buffer.of(1), messageId = 1, code = "0.01", options = [], confirmable = true } = more;
  return generate({
    confirmable,
    code,
    messageId,
    token,
    options: [
      ...path.split("/").map(part => ({ name: "Uri-Path", value: Buffer.from(part) }) as const),
      ...query.map(part => ({ name: "Uri-Query", value: Buffer.from(part) }) as const),
      ...options,
    ],
  });
}

export const option = (name: NamedOption["name"], ...bytes: readonly number[]): NamedOption => ({
  name,
  value: Buffer.from(bytes),
});

/** Of a message; undefined when it has none of this name. */
export function numberOf({ options }: ParsedPacket, name: NamedOption["name"]): number | undefined {
  const value = options.find(one => one.name === name)?.value;
  if (value === undefined) return undefined;
  return value.length === 0 ? 0 : value.readUIntBE(0, value.length);
}
