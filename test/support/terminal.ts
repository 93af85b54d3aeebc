import type { ProgramActions, StartOptions } from "../../cli/actions.ts";
import { createProgram } from "../../cli/program.ts";
import type { Terminal } from "../../cli/terminal.ts";
import { systemClock } from "../../platform/clock.ts";

export interface Run {
  readonly exitCode: number;
  readonly output: string;
  readonly errors: string;
}

export interface TestTerminal extends Terminal {
  /** What was written so far. */
  run(): Run;
}

/** Keeps what is written. */
export function createTestTerminal(given: Partial<Terminal> & { readonly input?: string } = {}): TestTerminal {
  let run: Run = { exitCode: 0, output: "", errors: "" };
  const { input = "", ...rest } = given;
  return {
    write: text => {
      run = { ...run, output: run.output + text };
    },
    writeError: text => {
      run = { ...run, errors: run.errors + text };
    },
    columns: undefined,
    isTty: false,
    env: {},
    clock: systemClock,
    interrupted: new AbortController().signal,
    readStandardInput: async () => input,
    setExitCode: exitCode => {
      run = { ...run, exitCode };
    },
    run: () => run,
    ...rest,
  };
}

export interface TestActions extends ProgramActions {
  /** Name and options of each call. */
  readonly calls: (readonly [name: string, options: StartOptions])[];
}

export function createTestActions(given: Partial<ProgramActions> = {}): TestActions {
  const calls: TestActions["calls"] = [];
  const called = (name: string) => async (options: StartOptions) => {
    calls.push([name, options]);
  };
  return {
    calls,
    version: "1.2.3",
    start: called("start"),
    demo: called("demo"),
    migrate: called("migrate"),
    migrateState: called("migrateState"),
    migrateFrom: async options => {
      calls.push(["migrateFrom", options]);
      return true;
    },
    rotateKeys: called("rotateKeys"),
    doctor: async options => {
      calls.push(["doctor", options]);
      return { isWell: true, findings: [], checked: [] };
    },
    withCodecs: async () => {
      throw new Error("no test of these needs codecs");
    },
    printConfig: options => JSON.stringify(options.overrides),
    exampleConfig: () => "# example\n",
    ...given,
  };
}

/** One command line, as a shell would give it after `upchirp`. */
export async function runProgram(
  args: readonly string[],
  terminal: TestTerminal = createTestTerminal(),
  actions: ProgramActions = createTestActions(),
): Promise<Run> {
  await createProgram(actions, terminal).parseAsync(["node", "upchirp", ...args]);
  return terminal.run();
}
