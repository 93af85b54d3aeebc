import { Command, CommanderError, type ParseOptions } from "commander";
import { UpchirpError } from "../lorawan/errors.ts";
import type { ProgramActions } from "./actions.ts";
import { addAuditCommands } from "./audit.ts";
import { addBenchCommand } from "./bench.ts";
import { addCodecCommands } from "./codec.ts";
import { addDecodeCommand } from "./decode-command.ts";
import { addDoctorCommand } from "./doctor.ts";
import { UsageError } from "./errors.ts";
import { addEventsCommand } from "./events.ts";
import { addExportCommand } from "./export.ts";
import { addImportCommand } from "./import.ts";
import { addImportProfilesCommand } from "./import-profiles.ts";
import { addQueueCommand } from "./queue.ts";
import { addApiKeyCommands } from "./resources/api-key.ts";
import { addApplicationCommands } from "./resources/application.ts";
import { addDeviceCommands } from "./resources/device.ts";
import { addGatewayCommands } from "./resources/gateway.ts";
import { addProfileCommands } from "./resources/profile.ts";
import { addRegionCommands } from "./resources/region.ts";
import { addTenantCommands } from "./resources/tenant.ts";
import { addUserCommands } from "./resources/user.ts";
import { addServerCommands } from "./server-commands.ts";
import { addSimulateCommand } from "./simulate.ts";
import { processTerminal, type Terminal } from "./terminal.ts";
import { addWhyCommand } from "./why.ts";

const exitCodes = { failure: 1, usage: 2 } as const;

/** Exit code of an error that a command ended with, after telling it. */
function tellError(error: unknown, terminal: Terminal): number {
  // Help and version end this way too, with 0; the library has written what there is to write.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitCodes.usage;
  if (error instanceof UsageError) {
    terminal.writeError(`error: ${error.message}\n`);
    return exitCodes.usage;
  }
  terminal.writeError(`error: ${errorText(error)}\n`);
  return exitCodes.failure;
}

function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // What the operating system refuses, like a full disk, is no fault of the program: its place in it tells nobody anything.
  const isForeseen = error instanceof UpchirpError || "syscall" in error;
  return isForeseen ? error.message : (error.stack ?? error.message);
}

/** Ends with an exit code instead of an exception, so that the caller has nothing to catch. */
class Program extends Command {
  readonly #terminal: Terminal;

  constructor(terminal: Terminal) {
    super("upchirp");
    this.#terminal = terminal;
  }

  override async parseAsync(argv?: readonly string[], options?: ParseOptions): Promise<this> {
    try {
      await super.parseAsync(argv, options);
    } catch (error) {
      this.#terminal.setExitCode(tellError(error, this.#terminal));
    }
    return this;
  }
}

/** The command line. Exit codes: 0 done, 1 failed, 2 wrong usage. */
export function createProgram(actions: ProgramActions, terminal: Terminal = processTerminal()): Command {
  const program = new Program(terminal);
  program
    .description("A LoRaWAN network server: gateways in, decoded readings out.")
    .version(actions.version, "--version", "print the version")
    .helpCommand("help [command]", "print help for a command")
    .configureHelp({ sortSubcommands: false, showGlobalOptions: false })
    .configureOutput({
      writeOut: text => terminal.write(text),
      writeErr: text => terminal.writeError(text),
      // A key in the wrong place is not repeated.
      outputError: (text, write) => write(text.replace(/[0-9a-fA-F]{32,}/g, "...")),
      getOutHelpWidth: () => terminal.columns ?? 100,
      getErrHelpWidth: () => terminal.columns ?? 100,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .showHelpAfterError("(--help tells what is accepted)")
    .exitOverride();
  program.commandsGroup("Server:");
  addServerCommands(program, actions, terminal);
  addDoctorCommand(program, actions, terminal);
  program.commandsGroup("What a running server knows:");
  addGatewayCommands(program, terminal);
  addRegionCommands(program, terminal);
  addProfileCommands(program, terminal);
  addApplicationCommands(program, terminal);
  addDeviceCommands(program, terminal);
  addTenantCommands(program, terminal);
  addUserCommands(program, terminal);
  addApiKeyCommands(program, terminal);
  addAuditCommands(program, terminal);
  addImportCommand(program, terminal);
  addExportCommand(program, terminal);
  addImportProfilesCommand(program, terminal);
  program.commandsGroup("What devices say and are told:");
  addEventsCommand(program, terminal);
  addQueueCommand(program, terminal);
  addWhyCommand(program, terminal);
  program.commandsGroup("Tools:");
  addDecodeCommand(program, terminal);
  addCodecCommands(program, actions, terminal);
  addSimulateCommand(program, terminal);
  addBenchCommand(program, terminal);
  return program;
}
