import { createSocket } from "node:dgram";
import { readFileSync } from "node:fs";
import Type from "typebox";
import Value from "typebox/value";
import { localTokenFile } from "../database.ts";
import { answerMs, type DoctorCheck, ill, messageOf, type Outcome, type Patient, well } from "./examination.ts";

/** Downlinks of class B, and servers that share a Redis, need the time to about this. */
const bearableMs = 100;
/** Gateways tell the time every half a minute or so, in whole seconds. */
const bearableOfGatewaysMs = 90_000;
/** Before this program was made. */
const earliestMs = Date.UTC(2025, 0, 1);

/** Whether the clock is right, by a time server where one is named, and by the gateways of a running server. */
export const clockCheck: DoctorCheck = {
  name: "clock",
  async run(patient: Patient): Promise<Outcome> {
    const nowMs = Date.now();
    const parts = [plausible(nowMs)];
    if (patient.ntp !== undefined) parts.push(await byTimeServer(patient.ntp));
    const token = patient.isRunning ? tokenIn(patient.config.dataFolder) : undefined;
    if (token !== undefined) parts.push(gatewaysOutcome(await gatewayOffsets(patient, token)));
    return { found: parts.map(({ found }) => found).join("; "), findings: parts.flatMap(({ findings }) => findings) };
  },
};

const setIt = "Let the machine take its time from NTP: timedatectl set-ntp true, or chrony.";

function plausible(nowMs: number): Outcome {
  const found = new Date(nowMs).toISOString();
  if (nowMs >= earliestMs) return well(found);
  return { found, findings: [ill("error", "clock_not_set", "The clock of this machine was never set.", [setIt])] };
}

const seconds = (ms: number): string =>
  `${(Math.abs(ms) / 1000).toFixed(Math.abs(ms) < 10_000 ? 2 : 0)} s ${ms > 0 ? "behind" : "ahead"}`;

async function byTimeServer(server: string): Promise<Outcome> {
  try {
    const offsetMs = await askTimeServer(server);
    const found = `${seconds(offsetMs)} of ${server}`;
    if (Math.abs(offsetMs) <= bearableMs) return well(found);
    const severity = Math.abs(offsetMs) > 1000 ? "error" : "warning";
    return { found, findings: [ill(severity, "clock_wrong", `The clock of this machine is ${found}.`, [setIt])] };
  } catch (error) {
    const summary = `The time server ${server} does not answer: ${messageOf(error)}.`;
    const whatToDo = ["See that UDP port 123 is open to it, or name another with --ntp."];
    return { found: `${server} does not answer`, findings: [ill("notice", "ntp_unreachable", summary, whatToDo)] };
  }
}

const ntpEpochMs = Date.UTC(1900, 0, 1);

/** How far this clock is behind, by one question (RFC 5905, client mode); the way there and back are taken to be alike. */
function askTimeServer(server: string): Promise<number> {
  const [, host = server, port = "123"] = /^(.*?)(?::(\d+))?$/.exec(server) ?? [];
  return new Promise((resolve, reject) => {
    const socket = createSocket("udp4");
    const finish = (end: () => void): void => {
      clearTimeout(timer);
      socket.close();
      end();
    };
    const timer = setTimeout(() => finish(() => reject(new Error("no answer within 3 s"))), answerMs);
    const question = Buffer.alloc(48);
    // Version 4, mode 3: a client.
    question[0] = 0x23;
    const askedMs = performance.timeOrigin + performance.now();
    socket.once("error", error => finish(() => reject(error)));
    socket.once("message", answer => {
      const heardMs = performance.timeOrigin + performance.now();
      const [receivedMs, sentMs] = [timeAt(answer, 32), timeAt(answer, 40)];
      if (receivedMs === undefined || sentMs === undefined) finish(() => reject(new Error("its answer is none")));
      else finish(() => resolve((receivedMs - askedMs + (sentMs - heardMs)) / 2));
    });
    socket.send(question, Number(port), host);
  });
}

function timeAt(answer: Buffer, at: number): number | undefined {
  if (answer.length < 48 || answer.readUInt32BE(at) === 0) return undefined;
  return ntpEpochMs + answer.readUInt32BE(at) * 1000 + (answer.readUInt32BE(at + 4) / 2 ** 32) * 1000;
}

const GatewayPage = Type.Object({ items: Type.Array(Type.Object({ gatewayId: Type.String() })) });
const GatewayStatus = Type.Object({
  state: Type.String(),
  lastSeenAt: Type.Union([Type.String(), Type.Null()]),
  lastStatistics: Type.Object({ time: Type.Optional(Type.Unknown()) }),
});

/** Undefined where the server runs elsewhere or as another user. */
function tokenIn(dataFolder: string): string | undefined {
  try {
    return readFileSync(localTokenFile(dataFolder), "utf8").trim();
  } catch {
    return undefined;
  }
}

/** How far each online gateway's clock is ahead of the server's, by what it told last. */
async function gatewayOffsets({ url }: Patient, token: string): Promise<readonly number[]> {
  const ask = async (path: string): Promise<unknown> =>
    (await fetch(`${url}/api${path}`, { headers: { authorization: `Bearer ${token}` } })).json();
  const page = await ask("/gateways?limit=20");
  if (!Value.Check(GatewayPage, page)) return [];
  const statuses = await Promise.all(page.items.map(({ gatewayId }) => ask(`/gateways/${gatewayId}/status`)));
  return statuses.flatMap(status => {
    if (!Value.Check(GatewayStatus, status) || status.state !== "online" || status.lastSeenAt === null) return [];
    const aheadMs = Date.parse(String(status.lastStatistics.time)) - Date.parse(status.lastSeenAt);
    return Number.isNaN(aheadMs) ? [] : [aheadMs];
  });
}

/** One gateway may be wrong; where most are, it is this machine. */
export function gatewaysOutcome(offsetsMs: readonly number[]): Outcome {
  const wrong = offsetsMs.filter(offset => Math.abs(offset) > bearableOfGatewaysMs);
  const found =
    offsetsMs.length === 0
      ? "no gateway tells the time"
      : `${offsetsMs.length - wrong.length} of ${offsetsMs.length} gateways agree`;
  const [first] = wrong.toSorted((left, right) => left - right).slice(wrong.length >> 1);
  if (first === undefined || wrong.length * 2 <= offsetsMs.length) return well(found);
  const summary = `Most gateways have another time than this machine, by ${Math.round(Math.abs(first) / 1000)} s.`;
  const whatToDo = [`${setIt} Compare it with another clock first: it may be the gateways that are wrong.`];
  return { found, findings: [ill("warning", "clock_differs_from_gateways", summary, whatToDo)] };
}
