import {
  newQuickJSWASMModule,
  newVariant,
  type QuickJSContext,
  type QuickJSHandle,
  type QuickJSRuntime,
  type QuickJSWASMModule,
  RELEASE_SYNC,
} from "quickjs-emscripten";
import type { ScriptDialect } from "./dialect.ts";
import { harnessOf, mayChangeBuiltIns, type Protection, scriptFunction } from "./harness.ts";
import { asFunctionBody } from "./module-shape.ts";
import { isRecord, type Place, readAnswer, type ScriptAnswer, type ScriptTrace } from "./script-answer.ts";
import { stripTypes } from "./type-stripping.ts";

// The compiler's ES library has no WebAssembly; this is what is needed of it.
declare const WebAssembly: { readonly Memory: new (pages: { initial: number; maximum: number }) => object };

export interface ScriptLimits {
  /** Processor time of one call, and of loading the script. */
  readonly timeMs: number;
  /** Of one script's heap; the whole WebAssembly memory is capped apart. */
  readonly memoryBytes: number;
  readonly stackBytes: number;
  /** Of the JSON that a call answers. */
  readonly outputBytes: number;
  /** Scripts whose context is kept; the one used longest ago goes first. */
  readonly keptScripts: number;
}

export interface ScriptSource {
  readonly text: string;
  readonly language: "javascript" | "typescript";
}

export interface ScriptCall {
  /** Calls of one key share an interpreter context, and see nothing of each other. One key is one script. */
  readonly key: string;
  readonly script: ScriptSource;
  /** One of the dialect's, or `load`. */
  readonly operation: string;
  readonly inputJson: string;
  /** Runs in a context of its own and tells more of it. */
  readonly isTraced: boolean;
}

/** 64 KiB each: 16 MiB to begin with, as the module was built, 32 MiB at most. */
const wasmPages = { initial: 256, maximum: 512 };

/** For code of ours, which ends by itself. */
const preparationMs = 5000;

const mostUnprotected = 1000;

/** For finding out whether a script changed a built-in. */
const trialMs = 300;

/** For asking a script that was stopped what it had written. */
const afterwardsMs = 50;

interface Ready {
  readonly kind: "ready";
  readonly runtime: QuickJSRuntime;
  readonly context: QuickJSContext;
  readonly call: QuickJSHandle;
  /** Built-ins were frozen although the script has what looks like a change of one. */
  readonly isDoubtful: boolean;
}
interface Broken {
  readonly kind: "broken";
  readonly message: string;
  readonly place?: Place;
  /** It did not come to an end when it was tried; another time it may. */
  readonly overran: boolean;
}
type Loaded = Ready | Broken;

type Attempt =
  | ScriptAnswer
  /** `isLost`: the interpreter lost its footing, so that every script's context in it is suspect. */
  | { readonly kind: "exhausted"; readonly message: string; readonly isLost?: boolean };

interface Interpreter {
  readonly module: QuickJSWASMModule;
  readonly scripts: Map<string, Loaded>;
}

/** Runs scripts in QuickJS on this thread; a call blocks it, so this lives in a worker. */
export class ScriptHost {
  readonly #limits: ScriptLimits;
  readonly #dialect: ScriptDialect;
  #interpreter: Interpreter | undefined;
  /** Keys of scripts that fail when they cannot change built-ins. */
  readonly #unprotected = new Set<string>();
  #deadlineMs = 0;

  constructor(limits: ScriptLimits, dialect: ScriptDialect) {
    this.#limits = limits;
    this.#dialect = dialect;
  }

  async run(call: ScriptCall): Promise<ScriptAnswer> {
    this.#interpreter ??= await newInterpreter();
    const { scripts } = this.#interpreter;
    const isAlone = scripts.size === 0 || (scripts.size === 1 && scripts.has(call.key));
    const first = await this.#attempt(call, this.#interpreter);
    if (first.kind !== "exhausted") return first;
    // Without disposing: what is left after such a fault cannot be trusted to free itself.
    if (first.isLost) this.#interpreter = undefined;
    else this.#forget(call.key);
    const failed = { kind: "failed", message: first.message, overran: false } as const;
    if (isAlone) return failed;
    // Others may have filled the memory: a script that fails alone in a fresh one is itself the cause, and they go on.
    const fresh = await newInterpreter();
    const second = await this.#attempt(call, fresh);
    if (second.kind === "exhausted") return failed;
    this.#interpreter = fresh;
    return second;
  }

  async #attempt(call: ScriptCall, interpreter: Interpreter): Promise<Attempt> {
    if (call.isTraced) this.#forget(call.key, interpreter);
    const startedMs = performance.now();
    try {
      const loaded = interpreter.scripts.get(call.key) ?? (await this.#load(interpreter.module, call));
      if (loaded.kind === "ready" || !loaded.overran) this.#keep(call.key, loaded, interpreter);
      if (loaded.kind === "broken") return { ...loaded, kind: "failed" };
      const loadMs = performance.now() - startedMs;
      const { isStale, attempt } = this.#call(call, loaded, loadMs);
      if (isStale || call.isTraced) this.#forget(call.key, interpreter);
      const isSuspect = loaded.isDoubtful && attempt.kind === "failed" && !attempt.overran;
      if (!isSuspect) return attempt;
      this.#forget(call.key, interpreter);
      this.#noteUnprotected(call.key);
      return this.#attempt(call, interpreter);
    } catch {
      // A RuntimeError or RangeError of WebAssembly: memory or native stack ran out inside the interpreter.
      return { kind: "exhausted", message: "the script ran out of memory or stack", isLost: true };
    }
  }

  #noteUnprotected(key: string): void {
    if (this.#unprotected.size >= mostUnprotected) this.#unprotected.clear();
    this.#unprotected.add(key);
  }

  /** `isStale`: the context is not used again. */
  #call(call: ScriptCall, loaded: Ready, loadMs: number): { isStale: boolean; attempt: Attempt } {
    this.#start(this.#limits.timeMs);
    const startedMs = performance.now();
    const json = ask(loaded, call.operation, call.inputJson, call.isTraced);
    const timeMs = performance.now() - startedMs;
    const traced = (console: () => readonly string[]): { trace?: ScriptTrace } =>
      call.isTraced ? { trace: { console: console(), loadMs, timeMs, memoryBytes: memoryOf(loaded) } } : {};
    const stopped = (): { isStale: boolean; attempt: Attempt } => {
      const message = `the script took longer than ${this.#limits.timeMs} ms`;
      const trace = traced(() => this.#written(loaded));
      return { isStale: true, attempt: { kind: "failed", message, overran: true, ...trace } };
    };
    const isLate = spentMs() >= this.#deadlineMs;
    // The harness catches what scripts throw; what escapes it is the interrupt or an empty heap.
    if (json === undefined && isLate) return stopped();
    const judged = readAnswer(json ?? "", this.#limits.outputBytes);
    if (judged.kind === "exhausted") return { isStale: true, attempt: judged };
    // Some built-ins turn the interrupt into an error like others.
    if (isLate && judged.answer.kind === "failed") return stopped();
    // Promises are never run, so their jobs would pile up.
    const isStale = judged.isStale || loaded.runtime.hasPendingJob();
    return { isStale, attempt: { ...judged.answer, ...traced(() => judged.console) } };
  }

  /** What a script that was stopped had written to its console. */
  #written(loaded: Ready): readonly string[] {
    this.#start(afterwardsMs);
    const json = ask(loaded, "console", "", true);
    const lines: unknown = json === undefined ? undefined : JSON.parse(json);
    return isRecord(lines) && Array.isArray(lines.result) ? lines.result.map(String) : [];
  }

  async #load(module: QuickJSWASMModule, given: ScriptCall): Promise<Loaded> {
    const { key, script: source } = given;
    const { text, language } = source;
    const stripped = language === "typescript" ? await stripTypes(text) : { kind: "stripped" as const, script: text };
    if (stripped.kind === "refused") return broken(stripped.message, stripped.place);
    const { script } = stripped;
    const runtime = module.newRuntime();
    runtime.setMemoryLimit(this.#limits.memoryBytes);
    runtime.setMaxStackSize(this.#limits.stackBytes);
    runtime.setInterruptHandler(() => spentMs() >= this.#deadlineMs);
    const context = runtime.newContext();
    this.#start(preparationMs);
    const makeCall = evaluated(context, harnessOf(this.#dialect), "harness");
    for (const { word, source } of this.#dialect.extras) {
      if (new RegExp(`\\b${word}\\b`).test(script)) evaluated(context, source, word).dispose();
    }
    this.#start(this.#limits.timeMs);
    const compiled = this.#compile(context, script);
    if ("kind" in compiled) {
      makeCall.dispose();
      context.dispose();
      runtime.dispose();
      return compiled;
    }
    const isDoubtful = mayChangeBuiltIns(script);
    const protection: Protection = !isDoubtful ? "always" : this.#unprotected.has(key) ? "never" : "unless changed";
    // A script in doubt is run for it.
    this.#start(isDoubtful ? this.#limits.timeMs + trialMs : preparationMs);
    const mode = context.newString(protection);
    const call = context.callFunction(makeCall, context.undefined, compiled, mode);
    for (const handle of [mode, compiled, makeCall]) handle.dispose();
    if (!call.error && context.typeof(call.value) === "function") {
      return { kind: "ready", runtime, context, call: call.value, isDoubtful: protection === "unless changed" };
    }
    const overran = call.error !== undefined;
    call.dispose();
    context.dispose();
    runtime.dispose();
    if (overran) return { ...broken(`took longer than ${this.#limits.timeMs} ms`), overran };
    this.#noteUnprotected(key);
    return this.#load(module, given);
  }

  /** The script as a function. It is parsed alone first: then it is whole, and a fault is where its author sees it. */
  #compile(context: QuickJSContext, script: string): QuickJSHandle | Broken {
    const { fileName } = this.#dialect;
    const { source, isModule } = asFunctionBody(script);
    const parsed = context.evalCode(source, fileName, { type: "global", compileOnly: true, strict: isModule });
    if (parsed.error) return this.#whyNot(context, parsed.error);
    parsed.value.dispose();
    const result = context.evalCode(scriptFunction(script, this.#dialect, false), fileName, { type: "global" });
    if (!result.error) return result.value;
    result.error.dispose();
    const nested = context.evalCode(scriptFunction(script, this.#dialect, true), fileName, { type: "global" });
    return nested.error ? this.#whyNot(context, nested.error) : nested.value;
  }

  /** Of a script that does not parse. */
  #whyNot(context: QuickJSContext, error: QuickJSHandle): Broken {
    const dumped: unknown = context.dump(error);
    error.dispose();
    if (!isRecord(dumped)) return broken(String(dumped));
    const { fileName } = this.#dialect;
    const [, line, column] =
      new RegExp(`${fileName.replace(".", "\\.")}:(\\d+):(\\d+)`).exec(String(dumped.stack ?? "")) ?? [];
    const place = line === undefined ? undefined : { line: Number(line), column: Number(column) };
    return broken(`${String(dumped.name)}: ${String(dumped.message)}`, place);
  }

  #start(timeMs: number): void {
    this.#deadlineMs = spentMs() + timeMs;
  }

  /** Moves the script to the end of the map, the place of the one used last. */
  #keep(key: string, loaded: Loaded, interpreter: Interpreter): void {
    const { scripts } = interpreter;
    scripts.delete(key);
    scripts.set(key, loaded);
    const [oldest] = scripts.keys();
    if (scripts.size > this.#limits.keptScripts && oldest !== undefined) this.#forget(oldest, interpreter);
  }

  #forget(key: string, interpreter = this.#interpreter): void {
    const loaded = interpreter?.scripts.get(key);
    interpreter?.scripts.delete(key);
    if (loaded?.kind !== "ready") return;
    loaded.call.dispose();
    loaded.context.dispose();
    loaded.runtime.dispose();
  }
}

async function newInterpreter(): Promise<Interpreter> {
  const wasmMemory = new WebAssembly.Memory(wasmPages);
  return { module: await newQuickJSWASMModule(newVariant(RELEASE_SYNC, { wasmMemory })), scripts: new Map() };
}

/**
 * Processor time of this thread, so that no script is blamed for a machine that is busy. Versions of Node that cannot tell it
 * (before 23.9) give the time that has passed.
 */
const spentMs: () => number =
  "threadCpuUsage" in process
    ? () => {
        const { user, system } = process.threadCpuUsage();
        return (user + system) / 1000;
      }
    : () => performance.now();

const evaluated = (context: QuickJSContext, code: string, name: string): QuickJSHandle =>
  context.unwrapResult(context.evalCode(code, name, { type: "global" }));

/** The harness's answer; undefined when the call was stopped. */
function ask({ context, call }: Ready, operation: string, inputJson: string, isTraced: boolean): string | undefined {
  const name = context.newString(operation);
  const input = context.newString(inputJson);
  const traced = isTraced ? context.true : context.false;
  const result = context.callFunction(call, context.undefined, name, input, traced);
  name.dispose();
  input.dispose();
  if (result.error) {
    result.error.dispose();
    return undefined;
  }
  const json = context.typeof(result.value) === "string" ? context.getString(result.value) : "";
  result.value.dispose();
  return json;
}

/** Of the script's heap, as it is now. */
function memoryOf({ runtime, context }: Ready): number {
  const usage: unknown = runtime.computeMemoryUsage().consume(handle => context.dump(handle));
  return isRecord(usage) ? Number(usage.memory_used_size) : 0;
}

const broken = (message: string, place?: Place): Broken => ({
  kind: "broken",
  message: `the script does not load: ${message}${place ? ` (line ${place.line})` : ""}`.slice(0, 1000),
  overran: false,
  ...(place && { place }),
});
