import { UpchirpError } from "../lorawan/errors.ts";
import type { Carried } from "./carried.ts";
import type { Report } from "./report.ts";

/** Another server, as it is read. Nothing there is changed. */
export interface MigrationSource {
  /**
   * Everything it has, each after what it refers to. What cannot be read is told to the report, which is also told what has no
   * counterpart here. Throws MigrationSourceError when nothing can be read.
   */
  read(report: Report): AsyncIterable<Carried>;
  close(): Promise<void>;
}

/** The other server's data cannot be read at all; the message says what to do. */
export class MigrationSourceError extends UpchirpError {
  readonly code = "migration_source";
}
