import { readdirSync, readFileSync } from "node:fs";
import { type DoctorCheck, ill, type Outcome, type Patient, well } from "./examination.ts";

const leastNode = { major: 22, minor: 22 };

/** As `engines` of package.json has it. */
export const nodeCheck: DoctorCheck = {
  name: "Node.js",
  async run(): Promise<Outcome> {
    return nodeOutcome(process.versions.node);
  },
};

export function nodeOutcome(version: string): Outcome {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > leastNode.major || (major === leastNode.major && minor >= leastNode.minor)) return well(version);
  const whatToDo = [
    `Install Node.js ${leastNode.major}.${leastNode.minor} or later; the current LTS is the best choice.`,
  ];
  return { found: version, findings: [ill("error", "node_too_old", `Node.js ${version} is too old.`, whatToDo)] };
}

/** Each HTTP and MQTT client has one, and each file. */
const fewestFiles = 4096;

/** Of the running server where it is known, else of this shell. */
export const filesCheck: DoctorCheck = {
  name: "open files",
  async run({ pid }: Patient): Promise<Outcome> {
    return filesOutcome(fileLimitOf(pid ?? "self"), pid === undefined ? undefined : openFilesOf(pid));
  },
};

export function filesOutcome(limit: number | undefined, open: number | undefined): Outcome {
  if (limit === undefined) return well("this system does not tell its limit");
  const found = open === undefined ? `at most ${limit}` : `${open} of at most ${limit}`;
  const isNearly = open !== undefined && open > 0.8 * limit;
  if (limit >= fewestFiles && !isNearly) return well(found);
  const whatToDo = [
    "Raise the limit: LimitNOFILE=65536 in a systemd unit, `ulimit -n 65536` in a shell.",
    "Each client of HTTP and MQTT takes one.",
  ];
  const severity = isNearly ? "error" : "warning";
  return {
    found,
    findings: [
      ill(severity, "few_open_files", "Few files and connections may be open at a time.", whatToDo, { limit }),
    ],
  };
}

function fileLimitOf(pid: number | "self"): number | undefined {
  const line = readOr(`/proc/${pid}/limits`)?.match(/^Max open files +(\d+|unlimited)/m)?.[1];
  if (line === undefined) return undefined;
  return line === "unlimited" ? Number.MAX_SAFE_INTEGER : Number(line);
}

function openFilesOf(pid: number): number | undefined {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return undefined;
  }
}

const readOr = (path: string): string | undefined => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
};

/** What the UDP socket of gateways asks for. */
const wantedBuffer = 4 * 2 ** 20;

/** Bursts of frames wait in it while the process does something else. */
export const udpBufferCheck: DoctorCheck = {
  name: "UDP receive buffer",
  async run({ roles }: Patient): Promise<Outcome> {
    if (!roles.has("network-server")) return well("no network server here");
    const text = readOr("/proc/sys/net/core/rmem_max");
    return text === undefined ? well("this system does not tell its limit") : udpBufferOutcome(Number(text));
  },
};

export function udpBufferOutcome(limit: number): Outcome {
  const found = `at most ${Math.round(limit / 1024)} KiB`;
  if (limit >= wantedBuffer) return well(found);
  const whatToDo = [
    `Let the system allow more: \`sysctl -w net.core.rmem_max=${wantedBuffer}\`, and the same line in /etc/sysctl.d/ for the next start.`,
    "With few gateways nothing need be done.",
  ];
  const summary = "The system keeps the UDP receive buffer small: bursts of many gateways may be lost.";
  return {
    found,
    findings: [ill("notice", "small_udp_buffer", summary, whatToDo, { "wanted KiB": wantedBuffer / 1024 })],
  };
}
