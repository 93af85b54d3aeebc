import { createHash } from "node:crypto";
import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import type { Metrics } from "../../platform/metrics.ts";
import { WorkerPool } from "../../platform/sandbox/pool.ts";
import type { ScriptAnswer } from "../../platform/sandbox/script-answer.ts";
import type { CodecFailure } from "../codec-ports.ts";
import type {
  CodecBench,
  CodecSandbox,
  DecodeInput,
  DecodeOutcome,
  DesiredInput,
  DeviceCodec,
  EncodeInput,
  EncodeOutcome,
  TwinCodec,
} from "../ports.ts";
import { decodeCayenneLpp, encodeCayenneLpp } from "./cayenne-lpp.ts";
import { codecDialect } from "./dialect.ts";
import { decodedFrom, encodedFrom, failureOf } from "./outcomes.ts";
import { withoutSecrets } from "./secrets.ts";

type ScriptOperation = "decodeUplink" | "encodeDownlink" | "encodeDesired" | "decodeDownlink" | "load";
type ScriptCodec = Extract<DeviceCodec, { kind: "javascript" | "typescript" }>;

export interface CodecSandboxOptions {
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log?: Log;
  /** Threads; 2. */
  readonly workers?: number;
  /** Of one call; 100. */
  readonly timeMs?: number;
  /** Of one script's heap; 8 MiB. */
  readonly memoryBytes?: number;
  /** Calls that may wait; 10,000. */
  readonly maxWaiting?: number;
  /** How long after the time limit a script that cannot be interrupted is killed with its thread; 1900. */
  readonly graceMs?: number;
  /** How long a script that keeps running too long is suspended the first time; 10,000. */
  readonly restMs?: number;
}

const maxScriptLength = 512 * 1024;
const maxOutputBytes = 256 * 1024;

/**
 * Runs device codecs. JavaScript runs in QuickJS in worker threads, with limits on time, memory, stack and output; it
 * reaches nothing of the host, and each call starts as if it were the first. Every `scope` (a tenant) has the same share of
 * the threads' time.
 */
export function createCodecSandbox(options: CodecSandboxOptions): CodecSandbox & TwinCodec & Pick<CodecBench, "check"> {
  const pool = new WorkerPool({
    clock: options.clock,
    dialect: codecDialect,
    workers: options.workers ?? 2,
    maxWaiting: options.maxWaiting ?? 10_000,
    graceMs: options.graceMs ?? 1900,
    overrunsBeforeRest: 3,
    restMs: options.restMs ?? 10_000,
    longestRestMs: 600_000,
    limits: {
      timeMs: options.timeMs ?? 100,
      memoryBytes: options.memoryBytes ?? 8 * 1024 * 1024,
      stackBytes: 256 * 1024,
      outputBytes: maxOutputBytes,
      keptScripts: 64,
    },
    onSuspended: ({ owner, key, forMs }) => {
      options.metrics.codecSuspensions.inc();
      const script = key.slice(key.lastIndexOf("/") + 1, key.lastIndexOf("/") + 13);
      options.log?.warn({ tenantId: owner, script, forMs }, "a codec keeps running too long and is suspended");
    },
  });

  const nameOf = scriptNames();
  const run: RunScript = (codec, operation, input, { scope = "", isTraced = false }) => {
    if (codec.script.length > maxScriptLength) {
      const message = `the script is longer than ${maxScriptLength} characters`;
      return Promise.resolve({ kind: "failed", message, overran: false });
    }
    // A test does not use up the patience with the script that devices use.
    const key = `${isTraced ? "test " : ""}${scope}/${nameOf(codec)}`;
    const script = { text: codec.script, language: codec.kind };
    return pool.run({ owner: scope, key, script, operation, inputJson: JSON.stringify(input), isTraced });
  };

  const counted = async <Outcome extends { kind: string }>(work: Promise<Outcome>): Promise<Outcome> => {
    const outcome = await work;
    options.metrics.codecRuns.inc({ result: outcome.kind });
    return outcome;
  };

  return {
    decode: (codec, input) => counted(decodeWith(run, "decodeUplink", codec, input)),
    decodeDownlink: (codec, input) => counted(decodeWith(run, "decodeDownlink", codec, input)),
    encode: (codec, input) => counted(encodeWith(run, codec, input)),
    encodeDesired: (codec, input) => counted(encodeDesiredWith(run, codec, input)),
    async check(codec, scope) {
      if (codec.kind === "none" || codec.kind === "cayenne-lpp") return undefined;
      const answer = await run(codec, "load", {}, { scope, isTraced: true });
      return answer.kind === "failed" ? failureOf(answer) : undefined;
    },
    close: () => pool.close(),
  };
}

type RunScript = (
  codec: ScriptCodec,
  operation: ScriptOperation,
  input: object,
  how: Pick<DecodeInput, "scope" | "isTraced">,
) => Promise<ScriptAnswer>;

async function decodeWith(
  run: RunScript,
  operation: "decodeUplink" | "decodeDownlink",
  codec: DeviceCodec,
  input: DecodeInput,
): Promise<DecodeOutcome> {
  switch (codec.kind) {
    case "none":
      return failed("the device profile has no codec");
    case "cayenne-lpp": {
      const outcome = decodeCayenneLpp(input.bytes);
      return outcome.kind === "failed" ? outcome : { ...outcome, warnings: [] };
    }
    case "javascript":
    case "typescript": {
      const { bytes, fPort, recvTimeMs, variables, tags = {} } = input;
      const answer = await run(codec, operation, { bytes: [...bytes], fPort, recvTimeMs, variables, tags }, input);
      return withoutSecrets(decodedFrom(operation, answer), input);
    }
  }
}

async function encodeWith(run: RunScript, codec: DeviceCodec, input: EncodeInput): Promise<EncodeOutcome> {
  switch (codec.kind) {
    case "none":
      return failed("the device profile has no codec");
    case "cayenne-lpp": {
      const outcome = encodeCayenneLpp(input.object);
      return outcome.kind === "failed" ? outcome : { ...outcome, warnings: [] };
    }
    case "javascript":
    case "typescript": {
      const { fPort, object: data, variables, tags = {} } = input;
      return withoutSecrets(
        encodedFrom("encodeDownlink", await run(codec, "encodeDownlink", { fPort, data, variables, tags }, input)),
        input,
      );
    }
  }
}

async function encodeDesiredWith(run: RunScript, codec: DeviceCodec, input: DesiredInput): Promise<EncodeOutcome> {
  if (codec.kind === "none" || codec.kind === "cayenne-lpp") {
    return encodeWith(run, codec, { ...input, object: input.delta });
  }
  const { desired, reported, delta, fPort, variables, tags = {} } = input;
  const answer = await run(codec, "encodeDesired", { desired, reported, delta, fPort, variables, tags }, input);
  return withoutSecrets(encodedFrom("encodeDesired", answer), input);
}

/** Names scripts by their hash; hashing one of 5 kB at each call would cost as much as running it. */
function scriptNames(): (codec: ScriptCodec) => string {
  const names = new Map<string, string>();
  return ({ kind, script }) => {
    const known = names.get(script);
    if (known !== undefined) return `${kind}-${known}`;
    const name = createHash("sha256").update(script).digest("base64url");
    if (names.size >= 256) names.clear();
    names.set(script, name);
    return `${kind}-${name}`;
  };
}

const failed = (message: string): CodecFailure => ({ kind: "failed", message });
