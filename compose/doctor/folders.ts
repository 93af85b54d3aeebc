import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fdatasyncSync,
  openSync,
  rmSync,
  statfsSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { masterKeyFile } from "../keys.ts";
import { stateFolder } from "../state.ts";
import { type DoctorCheck, type DoctorFinding, ill, type Outcome, type Patient, well } from "./examination.ts";

/** The folder itself, or the one above it in which it would be made. */
function standing(path: string): string {
  const absolute = resolve(path);
  return existsSync(absolute) || dirname(absolute) === absolute ? absolute : standing(dirname(absolute));
}

/** Whether this user may use it, and nobody else reads the keys in it. */
export const dataFolderCheck: DoctorCheck = {
  name: "data folder",
  async run({ config }: Patient): Promise<Outcome> {
    const path = resolve(config.dataFolder);
    const place = standing(path);
    const findings: DoctorFinding[] = [];
    if (!mayWrite(place)) {
      findings.push(
        ill("error", "data_folder_refused", `This user may not write in ${place}.`, [
          `Run the server, and this command, as the user that owns it; or give it to this user: chown -R $(id -un) ${path}.`,
          "Choose another folder with --data.",
        ]),
      );
    }
    if (existsSync(path)) findings.push(...foreignFiles(path), ...openKeys(config));
    return { found: existsSync(path) ? path : `${path}, not made yet`, findings };
  },
};

function mayWrite(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** What a start as another user, like root, has left behind. */
function foreignFiles(path: string): readonly DoctorFinding[] {
  const owner = statSync(path).uid;
  const foreign = ["state", "mqtt", "key-encryption-keys", "command-line-token"]
    .map(name => join(path, name))
    .filter(file => existsSync(file) && statSync(file).uid !== owner);
  if (foreign.length === 0) return [];
  const whatToDo = [`Give all of it to the user that runs the server: chown -R <user> ${path}.`];
  return [
    ill("error", "data_folder_mixed", "Parts of the data folder are another user's.", whatToDo, {
      files: foreign.join(", "),
    }),
  ];
}

function openKeys(config: Patient["config"]): readonly DoctorFinding[] {
  const path = masterKeyFile(config);
  if (process.platform === "win32" || !existsSync(path) || (statSync(path).mode & 0o077) === 0) return [];
  return [
    ill("error", "key_file", `Other users can read ${path}; the server does not start so.`, [`chmod 600 ${path}`]),
  ];
}

const gib = 2 ** 30;
const sizeText = (bytes: number): string =>
  bytes >= gib ? `${(bytes / gib).toFixed(1)} GiB` : `${Math.round(bytes / 2 ** 20)} MiB`;

export interface DiskFigures {
  readonly freeBytes: number;
  /** 0 where the file system has no such limit. */
  readonly inodes: number;
  readonly freeInodes: number;
}

/** Room on the disk, and room for files. */
export const diskCheck: DoctorCheck = {
  name: "disk",
  async run({ config }: Patient): Promise<Outcome> {
    const { bavail, bsize, files, ffree } = statfsSync(standing(config.dataFolder));
    return diskOutcome({ freeBytes: bavail * bsize, inodes: files, freeInodes: ffree });
  },
};

export function diskOutcome({ freeBytes, inodes, freeInodes }: DiskFigures): Outcome {
  const found = `${sizeText(freeBytes)} free${inodes > 0 ? `, room for ${freeInodes} files` : ""}`;
  const findings: DoctorFinding[] = [];
  const whatToDo = [
    "Make room on the disk, or move the data folder to a larger one.",
    "Keep less history: appServer.history.eventDays, frameDays and maxMegabytes.",
  ];
  if (freeBytes < 200 * 2 ** 20) {
    findings.push(ill("error", "disk_full", "The disk is nearly full: soon nothing is accepted.", whatToDo));
  } else if (freeBytes < 2 * gib) {
    findings.push(ill("warning", "disk_nearly_full", "Little room is left on the disk.", whatToDo));
  }
  if (inodes > 0 && freeInodes < Math.max(1000, inodes / 100)) {
    findings.push(
      ill("warning", "few_inodes", "The file system has room for few more files.", [
        "Delete files that are not needed: df -i tells where.",
      ]),
    );
  }
  return { found, findings };
}

/** Magic numbers of statfs(2). */
const inMemory: ReadonlyMap<number, string> = new Map([
  [0x01021994, "tmpfs"],
  [0x858458f6, "ramfs"],
]);
const overNetwork: ReadonlyMap<number, string> = new Map([
  [0x6969, "NFS"],
  [0xff534d42, "CIFS"],
  [0xfe534d42, "SMB"],
]);

/** Whether what is written to the embedded state store lasts, and how long it takes. */
export const embeddedStateCheck: DoctorCheck = {
  name: "state store",
  async run(patient: Patient): Promise<Outcome> {
    const place = standing(stateFolder(patient.config));
    const outcome = fileSystemOutcome(place, statfsSync(place).type);
    if (!mayWrite(place)) return outcome;
    const flush = flushMs(place);
    const timed = flushOutcome(flush);
    return { found: `${outcome.found}; ${timed.found}`, findings: [...outcome.findings, ...timed.findings] };
  },
};

export function fileSystemOutcome(place: string, type: number): Outcome {
  const memory = inMemory.get(type);
  const network = overNetwork.get(type);
  const whatToDo = ["Choose a data folder on a disk of this machine with --data."];
  if (memory !== undefined) {
    const summary = `The data folder is in memory (${memory}): all is gone when the machine restarts.`;
    return { found: `LMDB in ${place}`, findings: [ill("error", "state_in_memory", summary, whatToDo)] };
  }
  if (network !== undefined) {
    const summary = `The data folder is on a network file system (${network}), on which LMDB cannot keep what it promises.`;
    return { found: `LMDB in ${place}`, findings: [ill("error", "state_on_network", summary, whatToDo)] };
  }
  return well(`LMDB in ${place}`);
}

export function flushOutcome(ms: number): Outcome {
  const found = `a flush takes ${ms.toFixed(1)} ms`;
  if (ms < 50) return well(found);
  const whatToDo = [
    "Choose a disk that flushes faster: an SSD in place of a card or a disk over the network.",
    "See that nothing else writes to it all the time.",
  ];
  const summary = "The disk is slow to flush: each uplink waits for it before it is accepted for good.";
  return { found, findings: [ill("warning", "slow_disk", summary, whatToDo)] };
}

const flushes = 9;

/** Median of some small writes that are flushed, as a commit is. */
function flushMs(folder: string): number {
  const path = join(folder, `.doctor-${process.pid}`);
  const file = openSync(path, "w", 0o600);
  try {
    const times = Array.from({ length: flushes }, () => {
      const startedMs = performance.now();
      writeSync(file, Buffer.alloc(4096, 1));
      fdatasyncSync(file);
      return performance.now() - startedMs;
    });
    return times.toSorted((left, right) => left - right)[flushes >> 1] ?? 0;
  } finally {
    closeSync(file);
    rmSync(path, { force: true });
  }
}
