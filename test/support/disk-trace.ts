import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";

/** What a program did to one file, and what it printed, in the order in which it happened. */
export type DiskStep =
  /** The file may have the bytes from here on. */
  | { readonly kind: "write"; readonly number: number; readonly offset: number; readonly bytes: Buffer }
  /** The write with this number, and those before that a flush took with it, are on the disk for good. */
  | { readonly kind: "flushed"; readonly numbers: readonly number[] }
  | { readonly kind: "printed"; readonly text: string };

/** Why a program's calls cannot be traced here, if they cannot (Debian: package strace); on CI that is a failure. */
export function whyNoTrace(): string | undefined {
  if (spawnSync("strace", ["-o", "/dev/null", "true"]).status === 0) return undefined;
  if (process.env.CI === "true") throw new Error("strace is needed on CI");
  return "strace is not installed, or may not trace";
}

const calls = ["openat", "close", "lseek", "write", "writev", "pwrite64", "pwritev", "fdatasync", "fsync", "ftruncate"];

/** Runs a program until it ends by itself. `path` is the file whose steps are wanted, as the program names it. */
export async function traceDisk(
  command: string,
  args: readonly string[],
  { path, traceFile }: { readonly path: string; readonly traceFile: string },
): Promise<readonly DiskStep[]> {
  const options = ["-f", "-xx", "-s", "1000000", "-e", "signal=none", "-e", `trace=${calls.join(",")}`];
  const child = spawn("strace", [...options, "-o", traceFile, command, ...args], { stdio: "ignore" });
  await once(child, "exit");
  const reader = createReader(path);
  for await (const line of createInterface({ input: createReadStream(traceFile) })) reader.read(line);
  return reader.steps;
}

interface OpenFile {
  /** Each write is on the disk when the call returns. */
  readonly synchronous: boolean;
  position: number;
}

/** A call that another thread's line interrupts comes in two lines; what it writes may be in the file from the first on. */
interface Begun {
  readonly call: string;
  readonly step: number | undefined;
}

function createReader(path: string) {
  const steps: DiskStep[] = [];
  const files = new Map<string, OpenFile>();
  const begun = new Map<string, Begun>();
  let unflushed: number[] = [];
  let numbers = 0;

  const wrote = (file: OpenFile, offset: number, bytes: Buffer): void => {
    numbers += 1;
    steps.push({ kind: "write", number: numbers, offset, bytes });
    if (!file.synchronous) unflushed.push(numbers);
  };
  /** Gives the number of what is flushed by the end of the call. */
  const begin = (call: string): number | undefined => {
    const [, name = "", descriptor = "", rest = ""] = /^(\w+)\((\w+)(.*)$/s.exec(call) ?? [];
    if (name === "write" && descriptor === "1") steps.push({ kind: "printed", text: bytesOf(rest).toString() });
    const file = files.get(descriptor);
    if (file === undefined) return undefined;
    if (name === "close") files.delete(descriptor);
    else if (name === "lseek") file.position = Number(/^, (\d+)/.exec(rest)?.[1]);
    else if (name === "ftruncate") throw new Error("the trace has a call that is not understood: ftruncate");
    else if (name === "fdatasync" || name === "fsync") return numbers;
    else {
      const bytes = bytesOf(rest);
      const at = name.startsWith("p") ? Number(/, (\d+)\)?(?: = \d+| <unfinished.*)?$/.exec(rest)?.[1]) : file.position;
      wrote(file, at, bytes);
      file.position = at + bytes.length;
      if (file.synchronous) return numbers;
    }
    return undefined;
  };
  const end = ({ call, step }: Begun, result: string): void => {
    const name = call.slice(0, call.indexOf("("));
    if (name === "openat" && textOf(call) === path && !result.startsWith("-")) {
      files.set(result, { synchronous: call.includes("O_DSYNC"), position: 0 });
    }
    if (step === undefined || result.startsWith("-")) return;
    if (name === "fdatasync" || name === "fsync") {
      steps.push({ kind: "flushed", numbers: unflushed.filter(number => number <= step) });
      unflushed = unflushed.filter(number => number > step);
    } else steps.push({ kind: "flushed", numbers: [step] });
  };

  return {
    steps,
    read(line: string): void {
      const [, thread = "", text = ""] = /^(\d+) +(.*)$/s.exec(line) ?? [];
      const resumed = /^<\.\.\. \w+ resumed>.* = (-?\d+)/s.exec(text);
      if (resumed !== null) {
        const call = begun.get(thread);
        begun.delete(thread);
        if (call !== undefined) end(call, resumed[1] ?? "-");
        return;
      }
      if (!/^\w+\(/.test(text)) return;
      const call = { call: text, step: begin(text) };
      if (text.endsWith("<unfinished ...>")) begun.set(thread, call);
      else end(call, / = (-?\d+)[^=]*$/.exec(text)?.[1] ?? "-");
    },
  };
}

const hexText = /"((?:\\x[0-9a-f]{2})*)"/g;

/** Of all texts of a call, which strace prints as hexadecimal escapes. */
const bytesOf = (call: string): Buffer =>
  Buffer.concat(Array.from(call.matchAll(hexText), ([, text = ""]) => Buffer.from(text.replaceAll("\\x", ""), "hex")));
const textOf = (call: string): string => bytesOf(call).toString();
