import {
  newQuickJSWASMModule,
  newVariant,
  type QuickJSContext,
  type QuickJSHandle,
  type QuickJSRuntime,
  type QuickJSWASMModule,
  RELEASE_SYNC,
} from "quickjs-emscripten";
import { functionsOfScript, harnessOf, prelude, type ScriptDialect } from "./dialect.ts";

// The compiler's ES library has no WebAssembly; this is what is needed of it.
declare const WebAssembly: { readonly Memory: new (pages: { initial: number; maximum: number }) => object };

export interface ScriptLimits {
  /** Of one call, and of loading the script. */
  readonly timeMs: number;
  /** Of one script's heap; the whole WebAssembly memory is capped apart. */
  readonly memoryBytes: number;
  readonly stackBytes: number;
  /** Of the JSON that a call answers. */
  readonly outputBytes: number;
  /** Scripts whose context is kept; the one used longest ago goes first. */
  readonly keptScripts: number;
}

export interface ScriptCall {
  /** Calls of one key share a context, so state that a script leaves behind is seen by this key only. */
  readonly key: string;
  readonly script: string;
  /** One of the dialect's. */
  readonly operation: string;
  readonly inputJson: string;
}

export type ScriptAnswer =
  /** What the script's function returned, as JSON. */
  | { readonly kind: "returned"; readonly json: string }
  /** `overran`: it was stopped at the time limit, or had to be stopped with its worker. */
  | { readonly kind: "failed"; readonly message: string; readonly overran: boolean };

/** 64 KiB each: 16 MiB to begin with, as the module was built, 32 MiB at most. */
const wasmPages = { initial: 256, maximum: 512 };

type Loaded =
  | { readonly kind: "ready"; readonly runtime: QuickJSRuntime; readonly context: QuickJSContext; call: QuickJSHandle }
  | { readonly kind: "broken"; readonly message: string };

type Attempt =
  | ScriptAnswer
  /** The interpreter is out of memory or lost its footing; every script's context is suspect. */
  | { readonly kind: "exhausted"; readonly message: string };

/** Runs scripts in QuickJS on this thread; a call blocks it, so this lives in a worker. */
export class ScriptHost {
  readonly #limits: ScriptLimits;
  readonly #dialect: ScriptDialect;
  readonly #scripts = new Map<string, Loaded>();
  #module: QuickJSWASMModule | undefined;
  #deadlineMs = 0;

  constructor(limits: ScriptLimits, dialect: ScriptDialect) {
    this.#limits = limits;
    this.#dialect = dialect;
  }

  async run(call: ScriptCall): Promise<ScriptAnswer> {
    const first = await this.#attempt(call);
    if (first.kind !== "exhausted") return first;
    // Others' contexts may have filled the memory: alone in a fresh one, a script that fails again is itself the cause.
    this.#discard();
    const second = await this.#attempt(call);
    if (second.kind !== "exhausted") return second;
    this.#discard();
    return { kind: "failed", message: second.message, overran: false };
  }

  async #attempt(call: ScriptCall): Promise<Attempt> {
    this.#module ??= await newModule();
    try {
      const loaded = this.#scripts.get(call.key) ?? this.#load(this.#module, call.script);
      this.#keep(call.key, loaded);
      if (loaded.kind === "broken") return { kind: "failed", message: loaded.message, overran: false };
      return this.#call(call, loaded);
    } catch {
      // A RuntimeError or RangeError of WebAssembly: memory or native stack ran out inside the interpreter.
      return { kind: "exhausted", message: "the script ran out of memory or stack" };
    }
  }

  #call(call: ScriptCall, { runtime, context, call: handle }: Loaded & { kind: "ready" }): Attempt {
    const operation = context.newString(call.operation);
    const input = context.newString(call.inputJson);
    this.#start();
    const result = context.callFunction(handle, context.undefined, operation, input);
    operation.dispose();
    input.dispose();
    if (result.error) {
      result.error.dispose();
      return this.#stopped(call.key);
    }
    const json = context.typeof(result.value) === "string" ? context.getString(result.value) : "";
    result.value.dispose();
    // Promises are never run, so their jobs would pile up.
    if (runtime.hasPendingJob()) this.#forget(call.key);
    return this.#judge(json);
  }

  #judge(json: string): Attempt {
    if (Buffer.byteLength(json) > this.#limits.outputBytes) {
      const message = `the answer is larger than ${this.#limits.outputBytes} bytes`;
      return { kind: "failed", message, overran: false };
    }
    const answer: unknown = JSON.parse(json);
    if (!isRecord(answer)) return { kind: "exhausted", message: "the script ran out of memory or stack" };
    if (typeof answer.failure === "string") {
      const message = answer.failure.slice(0, 1000);
      // With no room left for an error object, QuickJS throws null.
      if (message === "null") return { kind: "exhausted", message: "the script threw null or ran out of memory" };
      if (/out of memory/.test(message)) return { kind: "exhausted", message: "the script ran out of memory" };
      return { kind: "failed", message, overran: false };
    }
    if (nestedDeeperThan(answer, 64)) {
      return { kind: "failed", message: "the answer is nested more than 64 levels deep", overran: false };
    }
    return { kind: "returned", json: JSON.stringify(answer.result) };
  }

  /** The harness catches what scripts throw; an error that escapes it is the interrupt or an empty heap. */
  #stopped(key: string): Attempt {
    const overran = performance.now() >= this.#deadlineMs;
    if (!overran) return { kind: "exhausted", message: "the script ran out of memory" };
    this.#forget(key);
    return { kind: "failed", message: `the script took longer than ${this.#limits.timeMs} ms`, overran: true };
  }

  #load(module: QuickJSWASMModule, script: string): Loaded {
    const runtime = module.newRuntime();
    runtime.setMemoryLimit(this.#limits.memoryBytes);
    runtime.setMaxStackSize(this.#limits.stackBytes);
    runtime.setInterruptHandler(() => performance.now() >= this.#deadlineMs);
    const context = runtime.newContext();
    this.#start();
    const makeCall = evaluated(context, harnessOf(this.#dialect), "harness");
    evaluated(context, prelude, "prelude").dispose();
    for (const { word, source } of this.#dialect.extras) {
      if (new RegExp(`\\b${word}\\b`).test(script)) evaluated(context, source, word).dispose();
    }
    const functions = this.#functionsOf(context, script);
    if (typeof functions === "string") {
      makeCall.dispose();
      context.dispose();
      runtime.dispose();
      return { kind: "broken", message: functions };
    }
    const call = context.unwrapResult(context.callFunction(makeCall, context.undefined, functions));
    functions.dispose();
    makeCall.dispose();
    return { kind: "ready", runtime, context, call };
  }

  /** Runs the script's top level; gives its functions, or why there are none. */
  #functionsOf(context: QuickJSContext, script: string): QuickJSHandle | string {
    const { fileName } = this.#dialect;
    const isModule = /^\s*export\s/m.test(script);
    const result = context.evalCode(script, fileName, { type: isModule ? "module" : "global" });
    if (result.error) return this.#whyNot(context, result.error);
    if (isModule)
      context.getProp(context.global, "module").consume(module => context.setProp(module, "exports", result.value));
    result.value.dispose();
    const functions = context.evalCode(functionsOfScript(this.#dialect), "functions", { type: "global" });
    return functions.error ? this.#whyNot(context, functions.error) : functions.value;
  }

  #whyNot(context: QuickJSContext, error: QuickJSHandle): string {
    const overran = performance.now() >= this.#deadlineMs;
    const message = overran
      ? `the script took longer than ${this.#limits.timeMs} ms to load`
      : `the script does not load: ${describeError(context, error, this.#dialect.fileName)}`;
    error.dispose();
    return message;
  }

  #start(): void {
    this.#deadlineMs = performance.now() + this.#limits.timeMs;
  }

  /** Moves the script to the end of the map, the place of the one used last. */
  #keep(key: string, loaded: Loaded): void {
    this.#scripts.delete(key);
    this.#scripts.set(key, loaded);
    const [oldest] = this.#scripts.keys();
    if (this.#scripts.size > this.#limits.keptScripts && oldest !== undefined) this.#forget(oldest);
  }

  #forget(key: string): void {
    const loaded = this.#scripts.get(key);
    this.#scripts.delete(key);
    if (loaded?.kind !== "ready") return;
    loaded.call.dispose();
    loaded.context.dispose();
    loaded.runtime.dispose();
  }

  /** Without disposing: what is left of a module after a fault cannot be trusted to free itself. */
  #discard(): void {
    this.#scripts.clear();
    this.#module = undefined;
  }
}

async function newModule(): Promise<QuickJSWASMModule> {
  const wasmMemory = new WebAssembly.Memory(wasmPages);
  return newQuickJSWASMModule(newVariant(RELEASE_SYNC, { wasmMemory }));
}

const evaluated = (context: QuickJSContext, code: string, name: string): QuickJSHandle =>
  context.unwrapResult(context.evalCode(code, name, { type: "global" }));

/** Only for errors of loading: they come from the parser or from the script's top level, still under the deadline. */
function describeError(context: QuickJSContext, error: QuickJSHandle, fileName: string): string {
  const dumped: unknown = context.dump(error);
  if (!isRecord(dumped)) return String(dumped).slice(0, 1000);
  const line = new RegExp(`${fileName.replace(".", "\\.")}:(\\d+)`).exec(String(dumped.stack ?? ""))?.[1];
  return `${String(dumped.name)}: ${String(dumped.message)}${line ? ` (line ${line})` : ""}`.slice(0, 1000);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function nestedDeeperThan(value: unknown, levels: number): boolean {
  if (!isRecord(value)) return false;
  if (levels === 0) return true;
  return Object.values(value).some(member => nestedDeeperThan(member, levels - 1));
}
