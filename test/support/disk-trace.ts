import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";

/** What a program did to some files, and what it printed, in the order in which it happened. */
export type DiskStep =
  /** The file may have the bytes from here on. */
  | {
      readonly kind: "write";
      readonly number: number;
      readonly path: string;
      readonly offset: number;
      readonly bytes: Buffer;
    }
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

/** Runs a program until it ends by itself. `paths` are the files whose steps are wanted, as the program names them. */
export async function traceDisk(
  command: string,
  args: readonly string[],
  { paths, traceFile }: { readonly paths: readonly string[]; readonly traceFile: string },
): Promise<readonly DiskStep[]> {
  const options = ["-f", "-xx", "-s", "1000000", "-e", "signal=none", "-e", `trace=${calls.join(",")}`];
  const child = spawn("strace", [...options, "-o", traceFile, command, ...args], { stdio: "ignore" });
  await once(child, "exit");
  const reader = createReader(paths);
  for await (const line of createInterface({ input: createReadStream(traceFile) })) reader.read(line);
  return reader.steps;
}

interface OpenFile {
  readonly path: string;
  /** Each write is on the disk when the call returns. */
  readonly synchronous: boolean;
  position: number;
}

/** A call that has begun: strace prints one that another thread's comes into in two lines. */
interface Call {
  readonly text: string;
  readonly name: string;
  /** Numbers of the writes that are on the disk once it has succeeded. */
  readonly flushes: readonly number[];
}

function createReader(paths: readonly string[]) {
  const steps: DiskStep[] = [];
  const files = new Map<string, OpenFile>();
  /** By thread. */
  const unfinished = new Map<string, Call>();
  /** By path. */
  const unflushed = new Map<string, readonly number[]>();
  let lastNumber = 0;

  /** What a call writes may be in the file from its beginning on. Gives what its end flushes. */
  const begun = (name: string, descriptor: string, rest: string): readonly number[] => {
    if (name === "write" && descriptor === "1") steps.push({ kind: "printed", text: bytesOf(rest).toString() });
    const file = files.get(descriptor);
    if (file === undefined) return [];
    switch (name) {
      case "close":
        files.delete(descriptor);
        return [];
      case "lseek":
        file.position = Number(/^, (\d+)/.exec(rest)?.[1]);
        return [];
      case "fdatasync":
      case "fsync":
        return unflushed.get(file.path) ?? [];
      case "write":
      case "writev":
      case "pwrite64":
      case "pwritev": {
        const bytes = bytesOf(rest);
        const offset = name.startsWith("p") ? offsetIn(rest) : file.position;
        lastNumber += 1;
        steps.push({ kind: "write", number: lastNumber, path: file.path, offset, bytes });
        if (!name.startsWith("p")) file.position += bytes.length;
        if (file.synchronous) return [lastNumber];
        unflushed.set(file.path, [...(unflushed.get(file.path) ?? []), lastNumber]);
        return [];
      }
      default:
        throw new Error(`the file was changed by a call that is not understood: ${name}`);
    }
  };
  const ended = ({ text, name, flushes }: Call, result: string): void => {
    if (result.startsWith("-")) return;
    const opened = name === "openat" ? bytesOf(text).toString() : "";
    if (paths.includes(opened)) {
      files.set(result, { path: opened, synchronous: text.includes("O_DSYNC"), position: 0 });
    }
    if (flushes.length === 0) return;
    steps.push({ kind: "flushed", numbers: flushes });
    for (const [path, numbers] of unflushed) {
      const left = numbers.filter(number => !flushes.includes(number));
      unflushed.set(path, left);
    }
  };

  return {
    steps,
    read(line: string): void {
      const [, thread = "", text = ""] = /^(\d+) +(.*)$/s.exec(line) ?? [];
      const [, result] = / = (-?\d+)[^=]*$/.exec(text) ?? [];
      const resumed = text.startsWith("<... ") ? unfinished.get(thread) : undefined;
      if (resumed !== undefined) {
        unfinished.delete(thread);
        if (result !== undefined) ended(resumed, result);
        return;
      }
      const [, name, descriptor = "", rest = ""] = /^(\w+)\((\w+)(.*)$/s.exec(text) ?? [];
      if (name === undefined) return;
      const call = { text, name, flushes: begun(name, descriptor, rest) };
      if (result === undefined) unfinished.set(thread, call);
      else ended(call, result);
    },
  };
}

/** The last argument. */
const offsetIn = (rest: string): number => Number(/, (\d+)(?:\) = \d+| <unfinished \.\.\.>)$/.exec(rest)?.[1]);

const hexText = /"((?:\\x[0-9a-f]{2})*)"/g;

/** Of all texts of a call, which strace prints as hexadecimal escapes. */
const bytesOf = (call: string): Buffer =>
  Buffer.concat(Array.from(call.matchAll(hexText), ([, text = ""]) => Buffer.from(text.replaceAll("\\x", ""), "hex")));
