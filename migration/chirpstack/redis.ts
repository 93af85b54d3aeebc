import { Redis } from "ioredis";
import type { DevEui } from "../../lorawan/ids.ts";
import { MigrationSourceError } from "../source.ts";

/** The other server's Redis: sessions before 4.7, and who heard a device. */
export interface SourceRedis {
  session(devEui: DevEui): Promise<Uint8Array | undefined>;
  heardBy(devEui: DevEui): Promise<Uint8Array | undefined>;
  close(): Promise<void>;
}

/** Throws MigrationSourceError. */
export async function openRedisSource(url: string, keyPrefix: string): Promise<SourceRedis> {
  const redis = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 1, retryStrategy: () => null });
  redis.on("error", () => undefined);
  const read = async (key: string): Promise<Uint8Array | undefined> => {
    try {
      const value = await redis.getBuffer(`${keyPrefix}${key}`);
      return value === null || value.length === 0 ? undefined : value;
    } catch (error) {
      throw unreadable(error);
    }
  };
  try {
    await redis.connect();
  } catch (error) {
    redis.disconnect();
    throw unreadable(error);
  }
  return {
    session: devEui => read(`device:{${devEui}}:ds`),
    heardBy: devEui => read(`device:{${devEui}}:gwrx`),
    async close() {
      redis.disconnect();
    },
  };
}

const unreadable = (error: unknown): MigrationSourceError =>
  new MigrationSourceError(
    `the Redis of --from-redis cannot be read: ${error instanceof Error ? error.message : String(error)}`,
  );
