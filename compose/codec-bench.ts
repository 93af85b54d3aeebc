import Type from "typebox";
import { Compile } from "typebox/compile";
import { CodecCases, checkCases, checkRun, runFields } from "../app-server/api/codec-schemas.ts";
import { createCodecBench } from "../app-server/codec/cases.ts";
import { createCodecSandbox } from "../app-server/codec/sandbox.ts";
import type { DeviceCodec } from "../app-server/ports.ts";
import type { OfflineCodecs } from "../cli/actions.ts";
import { MalformedValue } from "../lorawan/errors.ts";
import { systemClock } from "../platform/clock.ts";
import { createMetrics } from "../platform/metrics.ts";

const run = Compile(Type.Object(runFields));
const cases = Compile(CodecCases);

/** Where `given` does not fit. */
const faultOf = (
  validator: { Errors(value: unknown): readonly { instancePath: string; message: string }[] },
  given: unknown,
) => {
  const [fault] = validator.Errors(given);
  return new MalformedValue(`${fault?.instancePath || "what is given"}: ${fault?.message ?? "does not fit"}`);
};

/** Runs codecs in this process, as the server would. */
export async function withOfflineCodecs<Result>(work: (codecs: OfflineCodecs) => Promise<Result>): Promise<Result> {
  const sandbox = createCodecSandbox({ clock: systemClock, metrics: createMetrics(), workers: 1, graceMs: 10_000 });
  const bench = createCodecBench(sandbox);
  const scope = "command line";
  try {
    return await work({
      async test(codec: DeviceCodec, given) {
        if (!run.Check(given)) throw faultOf(run, given);
        checkRun(given, "");
        return { ...(await bench.test(codec, given, scope)) };
      },
      async runCases(codec: DeviceCodec, given) {
        if (!cases.Check(given)) throw faultOf(cases, given);
        const all = checkCases(given, "");
        return { total: all.length, failed: await bench.runCases(codec, all, scope) };
      },
    });
  } finally {
    await sandbox.close();
  }
}
