import { type ChildProcess, fork } from "node:child_process";
import Type, { type Static, type TSchema } from "typebox";
import Value from "typebox/value";

/** A function of another process: its name and the shapes that cross the border. */
export interface Call<Argument extends TSchema, Result extends TSchema> {
  readonly name: string;
  readonly argument: Argument;
  readonly result: Result;
}

export const defineCall = <Argument extends TSchema, Result extends TSchema>(
  name: string,
  argument: Argument,
  result: Result,
): Call<Argument, Result> => ({ name, argument, result });

/** Numbers by the hundred thousand; they cross the border as they are. */
export const numbers = Type.Refine(Type.Unsafe<Float64Array>({}), value => value instanceof Float64Array);

const requestSchema = Type.Object({ id: Type.Integer(), name: Type.String(), argument: Type.Unknown() });
const answerSchema = Type.Object({
  id: Type.Integer(),
  result: Type.Optional(Type.Unknown()),
  error: Type.Optional(Type.String()),
});

export interface Handler {
  readonly name: string;
  readonly handle: (argument: unknown) => Promise<unknown>;
}

export const handler = <Argument extends TSchema, Result extends TSchema>(
  call: Call<Argument, Result>,
  handle: (argument: Static<Argument>) => Static<Result> | Promise<Static<Result>>,
): Handler => ({ name: call.name, handle: async argument => handle(Value.Parse(call.argument, argument)) });

/** Answers calls of the process that started this one, and ends with it. */
export function serveCalls(handlers: readonly Handler[]): void {
  process.on("message", (message: unknown) => {
    const { id, name, argument } = Value.Parse(requestSchema, message);
    const found = handlers.find(candidate => candidate.name === name);
    const work = found ? found.handle(argument) : Promise.reject(new Error(`there is no call ${name}`));
    work.then(
      result => process.send?.({ id, result }),
      (error: unknown) => process.send?.({ id, error: error instanceof Error ? error.message : String(error) }),
    );
  });
  process.once("disconnect", () => process.exit(0));
  // Ctrl+C goes to the whole group; whoever started this process decides when it ends.
  process.on("SIGINT", () => {});
}

export interface CalledProcess {
  readonly pid: number | undefined;
  call<Argument extends TSchema, Result extends TSchema>(
    definition: Call<Argument, Result>,
    argument: Static<Argument>,
  ): Promise<Static<Result>>;
  stop(): Promise<void>;
}

interface Pending {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/** Runs a program of this project that answers calls. Calls reject when it ends. */
export function startProcess(program: URL): CalledProcess {
  const child = fork(program, { serialization: "advanced", execArgv: [] });
  const pending = new Map<number, Pending>();
  const exited = new Promise<void>(resolve => child.once("exit", () => resolve()));
  let lastId = 0;
  child.on("message", (message: unknown) => settle(message, pending));
  child.once("exit", (code, signal) => {
    const reason = new Error(`${program.pathname.split("/").at(-1)} ended with ${code ?? signal}`);
    for (const { reject } of pending.values()) reject(reason);
    pending.clear();
  });
  return {
    pid: child.pid,
    async call(definition, argument) {
      lastId += 1;
      const id = lastId;
      const answered = new Promise<unknown>((resolve, reject) => pending.set(id, { resolve, reject }));
      child.send({ id, name: definition.name, argument });
      return Value.Parse(definition.result, await answered);
    },
    stop: () => stopped(child, exited),
  };
}

function settle(message: unknown, pending: Map<number, Pending>): void {
  const { id, result, error } = Value.Parse(answerSchema, message);
  const waiting = pending.get(id);
  pending.delete(id);
  if (error === undefined) waiting?.resolve(result);
  else waiting?.reject(new Error(error));
}

async function stopped(child: ChildProcess, exited: Promise<void>): Promise<void> {
  if (child.connected) child.disconnect();
  await exited;
}
