import { systemClock } from "../../platform/clock.ts";
import { simulate } from "../../simulators/simulate.ts";
import type { UpchirpProcess } from "./upchirp-process.ts";

export interface FleetOptions {
  readonly devices: number;
  readonly gateways: number;
  readonly intervalSeconds: number;
}

export interface ConsoleFleet {
  /** Nothing is heard from then on. */
  end(): Promise<void>;
}

/** Devices and gateways around a server, for whoever looks at them in its console. */
export function startFleet(
  server: Pick<UpchirpProcess, "apiUrl" | "udpPort" | "token">,
  { devices, gateways, intervalSeconds }: FleetOptions,
): ConsoleFleet {
  const ended = new AbortController();
  const running = simulate(
    {
      udp: { host: "127.0.0.1", port: server.udpPort },
      api: { url: server.apiUrl, access: { token: server.token() } },
      ...{ devices, gateways, intervalSeconds, seed: 1, region: "EU868", startWithinSeconds: 1 },
      confirmedShare: 0.5,
      signal: ended.signal,
      clock: systemClock,
    },
    { write: () => {} },
  );
  return {
    async end() {
      ended.abort();
      await running;
    },
  };
}
