import { type Command, Option } from "commander";
import { readServerSentEvents, type ServerSentEvent } from "../client/server-sent-events.ts";
import type { Clock } from "../platform/clock.ts";
import type { ApiClient, ApiRequest } from "./api-client.ts";
import { addApiOptions, connect } from "./api-options.ts";
import { CommandFailed } from "./errors.ts";
import { eventLine } from "./event-line.ts";
import { collected, flagOption, isObject, listOption, type OptionValues, textOption } from "./option-values.ts";
import { applicationNames } from "./resources/application.ts";
import { examplesText } from "./resources/commands.ts";
import { deviceNames } from "./resources/device.ts";
import { resolveId, tenantQuery } from "./resources/lookup.ts";
import type { Terminal } from "./terminal.ts";

const kinds = ["up", "join", "ack", "txack", "log", "status", "location"];
const firstDelayMs = 500;
const longestDelayMs = 10_000;

async function queryOf(client: ApiClient, values: OptionValues): Promise<ApiRequest["query"]> {
  const tenant = await tenantQuery(client, textOption(values, "tenant"));
  const application = textOption(values, "application");
  const device = textOption(values, "device");
  const applicationId =
    application === undefined ? undefined : await resolveId(client, applicationNames, application, tenant);
  const within = { ...tenant, ...(applicationId !== undefined && { applicationId }) };
  return {
    ...within,
    ...(device !== undefined && { devEui: await resolveId(client, deviceNames, device, within) }),
    kind: listOption(values, "kind"),
  };
}

function jsonObjectOf(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

function show(event: ServerSentEvent & { readonly data: string }, isJson: boolean, terminal: Terminal): void {
  if (event.name === "end") {
    const { code, message } = jsonObjectOf(event.data);
    // Whoever has lost the right would be refused for ever; every other end is worth another try.
    if (code === "access_ended") throw new CommandFailed("request_refused", String(message));
    terminal.writeError(`${String(message)}\n`);
    return;
  }
  const content = jsonObjectOf(event.data);
  if (event.name === "gap") {
    terminal.writeError(`${String(content.message)}\n`);
    return;
  }
  terminal.write(`${isJson ? JSON.stringify({ kind: event.name, ...content }) : eventLine(event.name, content)}\n`);
}

/** One connection, until it ends. The id of its last event, by which the next one goes on. */
async function follow(response: Response, isJson: boolean, terminal: Terminal): Promise<string | undefined> {
  if (response.body === null) return undefined;
  let lastId: string | undefined;
  const events = readServerSentEvents(response.body);
  for (;;) {
    // A lost connection shows as an error of the stream, and is an end like others.
    const next = await events.next().catch(() => undefined);
    if (next === undefined || next.done === true) return lastId;
    const { data, ...event } = next.value;
    if (data !== undefined) show({ ...event, data }, isJson, terminal);
    lastId = next.value.id ?? lastId;
  }
}

const pause = (clock: Clock, delayMs: number, interrupted: AbortSignal): Promise<void> =>
  new Promise(resolve => {
    const cancel = clock.after(delayMs, done);
    function done(): void {
      cancel();
      interrupted.removeEventListener("abort", done);
      resolve();
    }
    interrupted.addEventListener("abort", done);
  });

/** Follows for ever, over lost connections; the first one must succeed. */
async function followAlways(client: ApiClient, values: OptionValues, terminal: Terminal): Promise<void> {
  const { interrupted, clock } = terminal;
  const query = await queryOf(client, values);
  let delayMs = firstDelayMs;
  let hasConnected = false;
  let lastId: string | undefined;
  while (!interrupted.aborted) {
    const headers: Record<string, string> = lastId === undefined ? {} : { "last-event-id": lastId };
    const request = { ...(query && { query }), headers };
    const response = await client.open("/events", request, interrupted).catch((error: unknown) => {
      if (interrupted.aborted) return undefined;
      const isAway = error instanceof CommandFailed && error.code === "no_server";
      if (!hasConnected || !isAway) throw error;
      return undefined;
    });
    if (response !== undefined) {
      terminal.writeError(hasConnected ? "Connected again.\n" : "Waiting for events; Ctrl+C ends this.\n");
      hasConnected = true;
      delayMs = firstDelayMs;
      lastId = (await follow(response, flagOption(values, "json"), terminal)) ?? lastId;
    }
    if (interrupted.aborted) return;
    if (response !== undefined) terminal.writeError("The connection was lost; trying again.\n");
    await pause(clock, delayMs, interrupted);
    delayMs = Math.min(2 * delayMs, longestDelayMs);
  }
}

export function addEventsCommand(program: Command, terminal: Terminal): void {
  const command = program.command("events");
  command
    .option("--application <application>", "only those of this application, by name or id")
    .option("--device <device>", "only those of this device, by name or DevEUI")
    .addOption(
      new Option("--kind <kind>", `only ${kinds.join(", ")}; may be repeated`).argParser(
        (text: string, before: readonly string[] | undefined) => collected(text, before),
      ),
    )
    .option("--tenant <tenant>", "only those of this tenant, by name or id");
  addApiOptions(command)
    .summary("follow what devices say")
    .description(
      "Prints events of devices as they come: joins, readings, acknowledgements, what went wrong. With --json, one " +
        "JSON object a line, in the form that MQTT has too.",
    )
    .addHelpText("after", examplesText(["upchirp events", "upchirp events --application greenhouse --kind up --json"]))
    .action((values: OptionValues) => followAlways(connect(values, terminal), values, terminal));
}
