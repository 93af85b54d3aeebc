import { type Command, InvalidArgumentError, Option } from "commander";
import type { StartOptions } from "./actions.ts";
import { collected, listOption, type OptionValues, portNumber, textOption } from "./option-values.ts";

const roles = ["network-server", "join-server", "app-server"];

/** Options with a name of their own for paths of the configuration that are set often. */
const shortcuts = [
  { flags: "--data <folder>", name: "data", path: "dataFolder", description: "folder that everything is kept under" },
  {
    flags: "--udp-port <port>",
    name: "udpPort",
    path: "networkServer.udp.port",
    description: "UDP port for gateways (Semtech packet forwarder)",
    parse: portNumber,
  },
  {
    flags: "--http-port <port>",
    name: "httpPort",
    path: "http.port",
    description: "TCP port of the REST API and of metrics",
    parse: portNumber,
  },
  {
    flags: "--mqtt-port <port>",
    name: "mqttPort",
    path: "appServer.mqtt.broker.port",
    description: "TCP port of the MQTT broker",
    parse: portNumber,
  },
  {
    flags: "--postgres-url <url>",
    name: "postgresUrl",
    path: "postgres.url",
    description: "external PostgreSQL instead of the embedded one",
  },
  { flags: "--log-level <level>", name: "logLevel", path: "log.level", description: "trace, debug, info, warn, error" },
] as const;

function assignment(text: string, before: readonly string[] | undefined): readonly string[] {
  if (text.indexOf("=") < 1)
    throw new InvalidArgumentError("path=value is expected, like networkServer.udp.port=1701.");
  return collected(text, before);
}

function roleName(text: string, before: readonly string[] | undefined): readonly string[] {
  if (!roles.includes(text)) throw new InvalidArgumentError(`Roles are ${roles.join(", ")}.`);
  return collected(text, before);
}

/** The same options for every command that runs the server or a part of it. */
export function addServerOptions(command: Command): Command {
  command.option("--config <file>", "configuration file (TOML)");
  for (const shortcut of shortcuts) {
    const option = new Option(shortcut.flags, shortcut.description);
    command.addOption("parse" in shortcut ? option.argParser(shortcut.parse) : option);
  }
  return command
    .option("--set <path=value>", "any option of the configuration; may be repeated", assignment)
    .option("--role <role>", `run this role only: ${roles.join(", ")}; may be repeated`, roleName);
}

export function startOptionsOf(values: OptionValues): StartOptions {
  const configFile = textOption(values, "config");
  const named = shortcuts.flatMap(({ name, path }) => {
    const value = values[name];
    return value === undefined ? [] : [[path, String(value)] as const];
  });
  const others = listOption(values, "set").map(text => {
    const at = text.indexOf("=");
    return [text.slice(0, at), text.slice(at + 1)] as const;
  });
  return {
    ...(configFile !== undefined && { configFile }),
    overrides: [...named, ...others],
    roles: listOption(values, "role"),
  };
}
