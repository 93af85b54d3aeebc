import Type from "typebox";
import Value from "typebox/value";
import type { FleetDevice } from "../../simulators/fleet.ts";
import { createRandom, seedOf } from "../../simulators/random.ts";
import { pause } from "./program.ts";
import type { AcceptedCommand } from "./truth.ts";

/** An application that sends confirmed commands to devices through the REST API. */
export interface Commander {
  /** Those that the server has said it keeps. */
  readonly accepted: readonly AcceptedCommand[];
  /** Of these, the ones that still wait for their device; by their ids. */
  waiting(): Promise<readonly string[]>;
  /** Sends no more. */
  stop(): Promise<void>;
}

export interface CommanderOptions {
  readonly apiUrl: string;
  readonly token: string;
  readonly seed: number;
  readonly devices: readonly FleetDevice[];
  isJoined(devEui: string): boolean;
  nowMs(): number;
}

export const commandPort = 100;
const betweenMs = 400;
const answerWithinMs = 3000;

const queueSchema = Type.Object({ items: Type.Array(Type.Object({ id: Type.String() })) });

export function startCommander(options: CommanderOptions): Commander {
  const { apiUrl, token, devices, isJoined, nowMs } = options;
  const random = createRandom(seedOf(options.seed, "commands"));
  const accepted: AcceptedCommand[] = [];
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  let stopped = false;

  const send = async (devEui: string, number: number): Promise<void> => {
    const id = `command-${number}`;
    // The number tells it from every other command, the rest makes its length vary.
    const data = Buffer.from(`${number} ${".".repeat(random.between(0, 12))}`).toString("base64");
    const response = await fetch(`${apiUrl}/api/devices/${devEui}/queue`, {
      method: "POST",
      headers,
      body: JSON.stringify({ id, fPort: commandPort, confirmed: true, data }),
      signal: AbortSignal.timeout(answerWithinMs),
    }).catch(() => undefined);
    // Without an answer nobody knows whether it is kept, and nothing was promised.
    if (response?.status === 201) accepted.push({ atMs: nowMs(), devEui, id, data });
    await response?.arrayBuffer().catch(() => undefined);
  };

  const run = async (): Promise<void> => {
    for (let number = 1; !stopped; number += 1) {
      await pause(betweenMs);
      const { devEui } = random.pick(devices).credentials;
      if (isJoined(devEui)) await send(devEui, number);
    }
  };
  const running = run();

  return {
    accepted,
    async waiting() {
      const ids: string[] = [];
      for (const devEui of new Set(accepted.map(command => command.devEui))) {
        const response = await fetch(`${apiUrl}/api/devices/${devEui}/queue`, { headers });
        ids.push(...Value.Parse(queueSchema, await response.json()).items.map(({ id }) => id));
      }
      return ids;
    },
    async stop() {
      stopped = true;
      await running;
    },
  };
}
