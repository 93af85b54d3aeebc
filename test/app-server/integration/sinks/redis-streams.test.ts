import { Redis } from "ioredis";
import { describe } from "vitest";
import { redisStreamsSink } from "../../../../app-server/integration/sinks/redis-streams.ts";
import { describeSink, type Receiver } from "../../../contracts/sink.ts";
import { startRedis, whyNoRedis } from "../../../support/redis.ts";

const password = "secret-of-theirs";

async function openReceiver(): Promise<Receiver> {
  const server = await startRedis(["--requirepass", password, "--appendfsync", "always"]);
  const connect = () => new Redis({ host: "127.0.0.1", port: server.port, password, maxRetriesPerRequest: null });
  let client = connect();
  // A stream cannot have this name.
  await client.set("up:99", "taken");
  return {
    settings: { url: `redis://127.0.0.1:${server.port}`, key: "up:{fPort}" },
    secrets: { password },
    async received() {
      const entries = await client.xrange("up:1", "-", "+");
      return entries.map(([, fields]) => {
        const { deviceInfo, fCnt } = JSON.parse(fields[fields.indexOf("body") + 1] ?? "");
        return { devEui: deviceInfo.devEui, fCnt };
      });
    },
    async stop() {
      client.disconnect();
      await server.kill();
    },
    async start() {
      await server.restart();
      client = connect();
    },
    async close() {
      client.disconnect();
      await server.stop();
    },
    refused: { fPort: 99 },
  };
}

describe.skipIf(whyNoRedis !== undefined)(`with Redis${whyNoRedis ? ` (${whyNoRedis})` : ""}`, () => {
  describeSink(redisStreamsSink, openReceiver);
});
