import type { CodecCase, CodecDifference, CodecRun, CodecTestReport, FailedCodecCase } from "../codec-ports.ts";
import type { CodecBench, CodecSandbox, DecodeOutcome, DeviceCodec, EncodeOutcome } from "../ports.ts";
import { differences } from "./differences.ts";

/** Tries codecs that no device uses yet, with the threads of those in use. */
export function createCodecBench(sandbox: CodecSandbox & Pick<CodecBench, "check">): CodecBench {
  const test: CodecBench["test"] = async (codec, run, scope) => reportOf(await outcomeOf(sandbox, codec, run, scope));
  return {
    check: sandbox.check,
    test,
    async runCases(codec, cases, scope) {
      const failed = await Promise.all(
        cases.map(async (one, index): Promise<FailedCodecCase[]> => {
          const found = differencesOf(one, await test(codec, one, scope));
          return found.length === 0 ? [] : [{ index, name: one.name, differences: found }];
        }),
      );
      return failed.flat();
    },
  };
}

function outcomeOf(
  sandbox: CodecSandbox,
  codec: DeviceCodec,
  { direction, fPort, recvTime, bytes = "", object = {}, variables = {}, tags = {} }: CodecRun,
  scope: string,
): Promise<DecodeOutcome | EncodeOutcome> {
  const call = { fPort, variables, tags, scope, isTraced: true };
  // The same moment for every run that names none, so that a case gives today what it will give tomorrow.
  const recvTimeMs = recvTime === undefined ? 0 : Date.parse(recvTime);
  const decoded = { ...call, recvTimeMs, bytes: Buffer.from(bytes, "hex") };
  switch (direction) {
    case "uplink":
      return sandbox.decode(codec, decoded);
    case "decodeDownlink":
      return sandbox.decodeDownlink(codec, decoded);
    case "downlink":
      return sandbox.encode(codec, { ...call, object });
  }
}

function reportOf(outcome: DecodeOutcome | EncodeOutcome): CodecTestReport {
  const { console = [], timeMs = 0, loadMs = 0, memoryBytes = 0 } = outcome.trace ?? {};
  const cost = { console, timeMs, loadMs, memoryBytes };
  switch (outcome.kind) {
    case "failed": {
      const { message, place, errors = [message] } = outcome;
      return { result: "failed", warnings: [], errors: errors.map(text => ({ message: text, ...place })), ...cost };
    }
    case "encoded": {
      const { bytes, fPort, warnings } = outcome;
      const hex = Buffer.from(bytes).toString("hex");
      return { result: "encoded", bytes: hex, ...(fPort !== undefined && { fPort }), warnings, errors: [], ...cost };
    }
    case "decoded": {
      const { object, warnings, normalized } = outcome;
      const decoded = { result: "decoded", object, warnings, errors: [], ...cost } as const;
      if (normalized === undefined) return decoded;
      return normalized.kind === "failed"
        ? { ...decoded, errors: [{ message: normalized.message }] }
        : {
            ...decoded,
            normalizedPayload: normalized.measurements,
            normalizedPayloadWarnings: normalized.warnings,
          };
    }
  }
}

/** Only what a case expects is looked at. */
function differencesOf({ expected }: CodecCase, report: CodecTestReport): readonly CodecDifference[] {
  const messages = report.errors.map(({ message }) => message);
  if (expected.error !== undefined) {
    const { error } = expected;
    if (report.result === "failed" && messages.some(message => message.includes(error))) return [];
    return [{ path: "/error", expected: error, actual: messages.join(", ") || "no error" }];
  }
  if (report.result === "failed") return [{ path: "/error", expected: "no error", actual: messages.join(", ") }];
  const { object, bytes, fPort, warnings, normalizedPayload } = expected;
  const compared = {
    ...(object !== undefined && { object: [object, report.object] }),
    ...(bytes !== undefined && { bytes: [bytes.toLowerCase(), report.bytes] }),
    ...(fPort !== undefined && { fPort: [fPort, report.fPort] }),
    ...(warnings !== undefined && { warnings: [warnings, report.warnings] }),
    ...(normalizedPayload !== undefined && {
      normalizedPayload: [normalizedPayload, report.normalizedPayload ?? messages],
    }),
  };
  return Object.entries(compared).flatMap(([name, [wanted, actual]]) => differences(wanted, actual, `/${name}`));
}
