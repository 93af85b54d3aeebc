// A process of its own that runs the embedded server until it is killed or its input ends.
import { systemClock } from "../../platform/clock.ts";
import { startEmbeddedPostgres } from "../../platform/embedded-postgres.ts";
import { createLog } from "../../platform/log.ts";

const [dataFolder = ""] = process.argv.slice(2);
const log = createLog({ level: "silent" });
const server = await startEmbeddedPostgres({ dataFolder, log, clock: systemClock, durable: false });
process.stdout.write(`${JSON.stringify(server.connection)}\n`);
process.stdin.on("end", () => server.stop().then(() => process.exit(0))).resume();
