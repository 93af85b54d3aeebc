import { createHash } from "node:crypto";
import Type from "typebox";
import { Compile } from "typebox/compile";
import type { Clock } from "../../platform/clock.ts";
import type { Metrics } from "../../platform/metrics.ts";
import { WorkerPool } from "../../platform/sandbox/pool.ts";
import type { ScriptAnswer } from "../../platform/sandbox/script-host.ts";
import type { CodecSandbox, DecodeInput, DecodeOutcome, DeviceCodec, EncodeInput, EncodeOutcome } from "../ports.ts";
import { decodeCayenneLpp, encodeCayenneLpp } from "./cayenne-lpp.ts";
import { codecDialect } from "./dialect.ts";

type ScriptOperation = "decodeUplink" | "encodeDownlink" | "decodeDownlink";

export interface CodecSandboxOptions {
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Threads; 2. */
  readonly workers?: number;
  /** Of one call; 100. */
  readonly timeMs?: number;
  /** Of one script's heap; 8 MiB. */
  readonly memoryBytes?: number;
  /** Calls that may wait; 10,000. */
  readonly maxWaiting?: number;
  /** How long after the time limit a script that cannot be interrupted is killed with its thread; 900. */
  readonly graceMs?: number;
}

const maxScriptBytes = 512 * 1024;
const maxOutputBytes = 256 * 1024;

const texts = Type.Array(Type.Unknown());
const decodedValidator = Compile(
  Type.Object({
    data: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
    normalized: Type.Optional(Type.Unknown()),
    warnings: Type.Optional(texts),
    errors: Type.Optional(texts),
  }),
);
const encodedValidator = Compile(
  Type.Object({
    fPort: Type.Optional(Type.Integer({ minimum: 1, maximum: 255 })),
    // Scripts that shift signed numbers return negative bytes; other servers take them modulo 256.
    bytes: Type.Optional(Type.Array(Type.Integer({ minimum: -128, maximum: 255 }), { maxItems: 1024 })),
    warnings: Type.Optional(texts),
    errors: Type.Optional(texts),
  }),
);

/**
 * Runs device codecs. JavaScript runs in QuickJS in worker threads, with limits on time, memory, stack and output; it
 * reaches nothing of the host. A script's context is kept between calls of one `scope` (a tenant): a script may find
 * what it left in its own variables, but must not count on it, and never meets another tenant's.
 */
export function createCodecSandbox(options: CodecSandboxOptions): CodecSandbox {
  const pool = new WorkerPool({
    clock: options.clock,
    dialect: codecDialect,
    workers: options.workers ?? 2,
    maxWaiting: options.maxWaiting ?? 10_000,
    graceMs: options.graceMs ?? 900,
    overrunsBeforeRest: 3,
    restMs: 10_000,
    limits: {
      timeMs: options.timeMs ?? 100,
      memoryBytes: options.memoryBytes ?? 8 * 1024 * 1024,
      stackBytes: 256 * 1024,
      outputBytes: maxOutputBytes,
      keptScripts: 64,
    },
  });

  const nameOf = scriptNames();
  const run = (script: string, scope: string, operation: ScriptOperation, input: object): Promise<ScriptAnswer> =>
    script.length > maxScriptBytes
      ? Promise.resolve({
          kind: "failed",
          message: `the script is longer than ${maxScriptBytes} characters`,
          overran: false,
        })
      : pool.run({ key: `${scope}/${nameOf(script)}`, script, operation, inputJson: JSON.stringify(input) });

  const decodeWith = async (operation: "decodeUplink" | "decodeDownlink", codec: DeviceCodec, input: DecodeInput) => {
    switch (codec.kind) {
      case "none":
        return failed("the device profile has no codec");
      case "cayenne-lpp": {
        const outcome = decodeCayenneLpp(input.bytes);
        return outcome.kind === "failed" ? outcome : { ...outcome, warnings: [] };
      }
      case "javascript": {
        const { bytes, fPort, recvTimeMs, variables, scope } = input;
        const fields = { bytes: [...bytes], fPort, recvTimeMs, variables };
        return decodedFrom(operation, await run(codec.script, scope ?? "", operation, fields));
      }
    }
  };

  const counted = async <Outcome extends { kind: string }>(work: Promise<Outcome>): Promise<Outcome> => {
    const outcome = await work;
    options.metrics.codecRuns.inc({ result: outcome.kind });
    return outcome;
  };

  return {
    decode: (codec, input) => counted<DecodeOutcome>(decodeWith("decodeUplink", codec, input)),
    decodeDownlink: (codec, input) => counted<DecodeOutcome>(decodeWith("decodeDownlink", codec, input)),
    encode: (codec, input) => counted<EncodeOutcome>(encodeWith(run, codec, input)),
    close: () => pool.close(),
  };
}

async function encodeWith(
  run: (script: string, scope: string, operation: ScriptOperation, input: object) => Promise<ScriptAnswer>,
  codec: DeviceCodec,
  input: EncodeInput,
): Promise<EncodeOutcome> {
  switch (codec.kind) {
    case "none":
      return failed("the device profile has no codec");
    case "cayenne-lpp": {
      const outcome = encodeCayenneLpp(input.object);
      return outcome.kind === "failed" ? outcome : { ...outcome, warnings: [] };
    }
    case "javascript": {
      const { fPort, object, variables, scope } = input;
      return encodedFrom(await run(codec.script, scope ?? "", "encodeDownlink", { fPort, data: object, variables }));
    }
  }
}

function decodedFrom(operation: ScriptOperation, answer: ScriptAnswer): DecodeOutcome {
  if (answer.kind === "failed") return failed(answer.message);
  const result: unknown = JSON.parse(answer.json);
  if (!decodedValidator.Check(result)) return failed(`${operation} did not return data as an object`);
  const errors = textsOf(result.errors);
  if (errors.length > 0) return failed(`${operation} returned errors: ${errors.join(", ")}`);
  if (result.data === undefined) return failed(`${operation} did not return data`);
  const normalized = result.normalized;
  return {
    kind: "decoded",
    object: result.data,
    warnings: textsOf(result.warnings),
    ...(normalized === undefined ? {} : { normalized }),
  };
}

function encodedFrom(answer: ScriptAnswer): EncodeOutcome {
  if (answer.kind === "failed") return failed(answer.message);
  const result: unknown = JSON.parse(answer.json);
  if (!encodedValidator.Check(result))
    return failed("encodeDownlink did not return bytes as whole numbers of 0 to 255");
  const errors = textsOf(result.errors);
  if (errors.length > 0) return failed(`encodeDownlink returned errors: ${errors.join(", ")}`);
  if (result.bytes === undefined) return failed("encodeDownlink did not return bytes");
  const warnings = textsOf(result.warnings);
  const bytes = Uint8Array.from(result.bytes);
  return { kind: "encoded", bytes, warnings, ...(result.fPort === undefined ? {} : { fPort: result.fPort }) };
}

const textsOf = (list: readonly unknown[] | undefined): string[] =>
  (list ?? []).slice(0, 20).map(item => (typeof item === "string" ? item : JSON.stringify(item)).slice(0, 1000));

/** Names scripts by their hash; hashing one of 5 kB at each call would cost as much as running it. */
function scriptNames(): (script: string) => string {
  const names = new Map<string, string>();
  return script => {
    const known = names.get(script);
    if (known !== undefined) return known;
    const name = createHash("sha256").update(script).digest("base64");
    if (names.size >= 256) names.clear();
    names.set(script, name);
    return name;
  };
}

const failed = (message: string): { readonly kind: "failed"; readonly message: string } => ({
  kind: "failed",
  message,
});
