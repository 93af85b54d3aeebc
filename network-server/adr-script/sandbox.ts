import { createHash } from "node:crypto";
import Type from "typebox";
import { Compile } from "typebox/compile";
import type { Clock } from "../../platform/clock.ts";
import type { Metrics } from "../../platform/metrics.ts";
import { WorkerPool } from "../../platform/sandbox/pool.ts";
import type { ScriptAnswer } from "../../platform/sandbox/script-answer.ts";
import type { AdrScriptOutcome, AdrScripts } from "../ports.ts";
import { adrDialect } from "./dialect.ts";

export interface AdrScriptsOptions {
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Of one call, and of loading the script; 100. */
  readonly timeMs?: number;
  /** After which the uplink is answered without the script, whatever keeps it; 400. */
  readonly patienceMs?: number;
}

/** Integers of a sane size; whether the device can use them is for the caller to say. */
const small = Type.Integer({ minimum: 0, maximum: 255 });
const answerSchema = Compile(
  Type.Object({
    dr: small,
    txPowerIndex: small,
    nbTrans: small,
    reason: Type.Optional(Type.String()),
    id: Type.Optional(Type.String()),
  }),
);

/** Of what a script says in words. */
const maxTextLength = 200;

/**
 * Users' ADR algorithms in QuickJS, in a thread of their own: codecs that use up theirs delay nothing here. The thread
 * is started with the first call.
 */
export function createAdrScripts(options: AdrScriptsOptions): AdrScripts & { close(): Promise<void> } {
  const { clock, metrics, timeMs = 100, patienceMs = 400 } = options;
  const pool = new WorkerPool({
    clock,
    dialect: adrDialect,
    workers: 1,
    maxWaiting: 1000,
    graceMs: 1400,
    overrunsBeforeRest: 3,
    restMs: 60_000,
    longestRestMs: 600_000,
    limits: {
      timeMs,
      memoryBytes: 4 * 1024 * 1024,
      stackBytes: 256 * 1024,
      outputBytes: 4 * 1024,
      keptScripts: 64,
    },
  });
  return {
    async decide(script, scope, request) {
      const key = `${scope}/${createHash("sha256").update(script).digest("base64")}`;
      const source = { text: script, language: "javascript" } as const;
      const inputJson = JSON.stringify(request);
      const call = pool.run({ owner: scope, key, script: source, operation: "handle", inputJson, isTraced: false });
      const outcome = outcomeOf(await within(clock, patienceMs, call));
      metrics.adrScriptRuns.inc({ result: outcome.kind });
      return outcome;
    },
    close: () => pool.close(),
  };
}

function within(clock: Clock, patienceMs: number, call: Promise<ScriptAnswer>): Promise<ScriptAnswer> {
  return new Promise(resolve => {
    const cancel = clock.after(patienceMs, () =>
      resolve({ kind: "failed", message: `the script did not answer within ${patienceMs} ms`, overran: true }),
    );
    void call.then(answer => {
      cancel();
      resolve(answer);
    });
  });
}

function outcomeOf(answer: ScriptAnswer): AdrScriptOutcome {
  if (answer.kind === "failed") return { kind: "failed", message: answer.message };
  const result: unknown = JSON.parse(answer.json);
  if (!answerSchema.Check(result)) {
    return { kind: "failed", message: "handle did not return dr, txPowerIndex and nbTrans as whole numbers" };
  }
  const { dr: dataRate, txPowerIndex, nbTrans, reason, id } = result;
  return {
    kind: "decided",
    wanted: { dataRate, txPowerIndex, nbTrans },
    ...(id !== undefined && { id: id.slice(0, maxTextLength) }),
    ...(reason !== undefined && { reason: reason.slice(0, maxTextLength) }),
  };
}
