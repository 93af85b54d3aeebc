import type { NewGateway } from "../../app-server/catalog-ports.ts";
import { MalformedValue } from "../../lorawan/errors.ts";
import {
  type ApplicationId,
  parseApplicationId,
  parseGatewayId,
  parseTenantId,
  type TenantId,
} from "../../lorawan/ids.ts";
import type { Carried, CarriedProfile } from "../carried.ts";
import { checkCarried } from "../check.ts";
import type { Report, ReportKind } from "../report.ts";
import { type MigrationSource, MigrationSourceError } from "../source.ts";
import { derivedUuid } from "../uuid.ts";
import { deviceOf } from "./device.ts";
import { fieldsOf, type JsonFields, jsonValues } from "./json-values.ts";
import type { Opener } from "./keys.ts";
import { profileOf } from "./profile.ts";

export interface ExportFile {
  readonly name: string;
  /** Throws when it cannot be read. */
  readonly read: () => string;
}

export interface ThingsStackOptions {
  readonly devices: readonly ExportFile[];
  readonly gateways: readonly ExportFile[];
  /** The id of one that is here, or the name of one that is made. */
  readonly tenant: string;
  readonly opened: Opener;
}

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** End devices and gateways of The Things Stack, as its command line and `ttn-lw-migrate` export them. */
export const createThingsStackSource = (options: ThingsStackOptions): MigrationSource => ({
  async *read(report) {
    const { tenant } = options;
    const isKnown = uuid.test(tenant);
    const tenantId = parseTenantId(isKnown ? tenant : derivedUuid("the things stack", tenant));
    if (!isKnown) {
      const carried: Carried = { kind: "tenant", tenant: { id: tenantId, name: tenant, description: "", tags: {} } };
      checkCarried(carried);
      yield carried;
    }
    for (const file of options.gateways) yield* gatewaysIn(file, tenantId, report);
    const made: Made = { applications: new Map(), profiles: new Map() };
    for (const file of options.devices) yield* devicesIn(file, tenantId, options.opened, report, made);
  },
  close: async () => {},
});

/** What devices have led to so far. */
interface Made {
  readonly applications: Map<string, ApplicationId>;
  readonly profiles: Map<string, CarriedProfile>;
}

/** What a file holds, one after another; what is broken is told and left out. */
async function* exportedIn(
  file: ExportFile,
  list: string,
  kind: ReportKind,
  report: Report,
  decode: (exported: JsonFields) => Iterable<Carried>,
): AsyncGenerator<Carried> {
  let text: string;
  try {
    text = file.read();
  } catch (error) {
    throw new MigrationSourceError(
      `${file.name} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  let number = 0;
  for (const value of jsonValues(text)) {
    number += 1;
    const place = `${file.name}, object ${number}`;
    if (value.kind === "faulty") {
      report.fault({ kind, id: place, reason: value.reason });
      continue;
    }
    // The API answers with a list inside of an object.
    const whole = fieldsOf(value.value);
    for (const exported of whole.has(list) ? whole.list(list) : [whole]) {
      try {
        yield* decode(exported);
      } catch (error) {
        if (!(error instanceof MalformedValue)) throw error;
        report.fault({ kind, id: nameOf(exported) ?? place, reason: error.message });
      }
    }
  }
}

function nameOf(exported: JsonFields): string | undefined {
  try {
    const ids = exported.fields("ids");
    return ids?.text("dev_eui") ?? ids?.text("device_id") ?? ids?.text("eui") ?? ids?.text("gateway_id");
  } catch {
    return undefined;
  }
}

const devicesIn = (file: ExportFile, tenantId: TenantId, opened: Opener, report: Report, made: Made) =>
  exportedIn(file, "end_devices", "device", report, function* (exported) {
    const name = nameOf(exported) ?? "";
    if (exported.isTrue("multicast")) {
      report.note("multicast-groups", name);
      return;
    }
    const applicationName = exported.fields("ids")?.fields("application_ids")?.text("application_id") ?? "devices";
    const { profile, notes: profileNotes } = profileOf(exported, tenantId);
    const applicationId =
      made.applications.get(applicationName) ??
      parseApplicationId(derivedUuid(tenantId, "application", applicationName));
    const { device, notes } = deviceOf(exported, { profile, applicationId, opened });
    const carried: Carried = { kind: "device", device };
    checkCarried({ kind: "profile", profile });
    checkCarried(carried);
    if (!made.applications.has(applicationName)) {
      made.applications.set(applicationName, applicationId);
      yield {
        kind: "application",
        application: { id: applicationId, tenantId, name: applicationName, description: "", tags: {} },
      };
    }
    if (!made.profiles.has(profile.id)) {
      made.profiles.set(profile.id, profile);
      yield { kind: "profile", profile };
    }
    for (const topic of new Set([...profileNotes, ...notes])) report.note(topic, name);
    yield carried;
  });

const gatewaysIn = (file: ExportFile, tenantId: TenantId, report: Report) =>
  exportedIn(file, "gateways", "gateway", report, function* (exported) {
    const ids = exported.fields("ids");
    const eui = ids?.text("eui");
    if (eui === undefined || eui === "") {
      report.note("gateways-without-eui", ids?.text("gateway_id") ?? "");
      return;
    }
    const [antenna] = exported.list("antennas");
    const location = antenna?.fields("location");
    const gateway: NewGateway = {
      gatewayId: parseGatewayId(eui),
      tenantId,
      name: exported.text("name") || ids?.text("gateway_id") || eui,
      description: exported.text("description") ?? "",
      isDisabled: false,
      location: location
        ? {
            latitude: location.number("latitude") ?? 0,
            longitude: location.number("longitude") ?? 0,
            altitude: location.number("altitude") ?? 0,
          }
        : null,
      regionConfigId: planOf(exported),
      antennaGainDb: antenna?.number("gain") ?? 0,
      sourceRule: { kind: "any" },
      rateLimit: 2000,
      tags: exported.texts("attributes"),
    };
    const carried: Carried = { kind: "gateway", gateway };
    checkCarried(carried);
    yield carried;
  });

/** The one that it has; with several it hears devices of each. */
function planOf(exported: JsonFields): string | null {
  const [single = exported.text("frequency_plan_id"), ...others] = exported.names("frequency_plan_ids");
  return single === undefined || single === "" || others.length > 0 ? null : single;
}
