import type { Static, TObject } from "typebox";
import { Compile } from "typebox/compile";
import type { ApplicationId, TenantId } from "../../../lorawan/ids.ts";
import type { Clock } from "../../../platform/clock.ts";
import type { Log } from "../../../platform/log.ts";
import type {
  ConfiguredIntegration,
  EventFormat,
  SettingFault,
  Sink,
  SinkDescription,
} from "../../integration-ports.ts";
import type { ApplicationCommands } from "../../ports.ts";
import type { Outbound } from "../outbound.ts";

/** What a sink may use of the process. */
export interface SinkContext {
  readonly integrationId: string;
  readonly tenantId: TenantId;
  /** Null: of every application of the tenant. */
  readonly applicationId: ApplicationId | null;
  readonly format: EventFormat;
  /** Every connection goes to an address that this gave. */
  readonly outbound: Outbound;
  readonly commands: ApplicationCommands;
  /** Several processes of the installation have this sink open. */
  readonly isShared: boolean;
  readonly clock: Clock;
  readonly log: Log;
}

/** One kind of sink. Its file ends with such a definition, and the registry has a row for it. */
export interface SinkDefinition<Settings extends TObject, SinkSecrets extends TObject> {
  readonly kind: string;
  readonly title: string;
  /** Strict schemas with a description for each member; every member of `secrets` is optional. */
  readonly settings: Settings;
  readonly secrets: SinkSecrets;
  /** Messages that are given at once, all or none of which are taken; 1. */
  readonly maxBatch?: number;
  /** Deliveries under way at once, of different devices; 16. */
  readonly maxInFlight?: number | ((settings: Static<Settings>) => number);
  /** What the schemas cannot say; paths like `/settings/url`. */
  readonly faults?: (settings: Static<Settings>, secrets: Static<SinkSecrets>) => readonly SettingFault[];
  /** It has something to do when there is nothing to send, like taking commands. */
  readonly staysOpen?: (settings: Static<Settings>) => boolean;
  /** Connects when it is first needed. */
  readonly open: (settings: Static<Settings>, secrets: Static<SinkSecrets>, context: SinkContext) => Sink;
}

/** A kind of sink whose settings are checked where they come in. */
export interface SinkKind extends SinkDescription {
  readonly maxBatch: number;
  /** The usual ones for settings that have faults. */
  maxInFlight(settings: unknown): number;
  faults(settings: unknown, secrets: unknown): readonly SettingFault[];
  staysOpen(settings: unknown): boolean;
  /** Throws Error for settings that have faults. */
  open(configured: ConfiguredIntegration, context: SinkContext): Sink;
}

const usualInFlight = 16;

export function defineSink<Settings extends TObject, SinkSecrets extends TObject>(
  definition: SinkDefinition<Settings, SinkSecrets>,
): SinkKind {
  const { kind, title, maxBatch = 1, maxInFlight = usualInFlight, faults, staysOpen, open } = definition;
  const settingsCheck = Compile(definition.settings);
  const secretsCheck = Compile(definition.secrets);
  const schemaFaults = (settings: unknown, secrets: unknown): readonly SettingFault[] =>
    [
      ...settingsCheck.Errors(settings).map(fault => ({ ...fault, part: "settings" })),
      ...secretsCheck.Errors(secrets).map(fault => ({ ...fault, part: "secrets" })),
    ].map(({ part, instancePath, message }) => ({ path: `/${part}${instancePath}`, message }));
  return {
    kind,
    title,
    settings: definition.settings,
    secrets: definition.secrets,
    maxBatch,
    maxInFlight(settings) {
      if (typeof maxInFlight === "number") return maxInFlight;
      return settingsCheck.Check(settings) ? maxInFlight(settings) : usualInFlight;
    },
    faults(settings, secrets) {
      if (!settingsCheck.Check(settings) || !secretsCheck.Check(secrets)) return schemaFaults(settings, secrets);
      return faults?.(settings, secrets) ?? [];
    },
    staysOpen: settings => settingsCheck.Check(settings) && staysOpen?.(settings) === true,
    open({ integration: { settings }, secrets }, context) {
      if (!settingsCheck.Check(settings) || !secretsCheck.Check(secrets)) {
        throw new Error("its settings are not of this version: set them again");
      }
      return open(settings, secrets, context);
    },
  };
}
