import type { ApplicationId, IntegrationId, TenantId } from "../../lorawan/ids.ts";
import type { Integration, IntegrationFilter } from "../integration-ports.ts";
import { type ApplicationEvent, bodyOf } from "../ports.ts";

/** Whether a filter looks into the event itself, which may cost a parsing. */
const looksInside = ({ fPorts, tags }: IntegrationFilter): boolean => fPorts.length > 0 || Object.keys(tags).length > 0;

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;

function passes({ fPorts, tags }: IntegrationFilter, event: Readonly<Record<string, unknown>>): boolean {
  const { fPort, deviceInfo } = event;
  if (fPorts.length > 0 && typeof fPort === "number" && !fPorts.includes(fPort)) return false;
  const has = isObject(deviceInfo) && isObject(deviceInfo.tags) ? deviceInfo.tags : {};
  return Object.entries(tags).every(([name, value]) => has[name] === value);
}

/** Which integrations an event is for, from memory. */
export class Matcher {
  readonly #byTenant = new Map<TenantId, Map<IntegrationId, Integration>>();

  get isEmpty(): boolean {
    return this.#byTenant.size === 0;
  }

  /** Puts an integration in the place of what it was before. */
  set(integration: Integration): void {
    this.delete(integration.id);
    if (integration.mode === "off") return;
    const ofTenant = this.#byTenant.get(integration.tenantId) ?? new Map<IntegrationId, Integration>();
    this.#byTenant.set(integration.tenantId, ofTenant.set(integration.id, integration));
  }

  delete(id: IntegrationId): void {
    for (const [tenantId, ofTenant] of this.#byTenant) {
      if (ofTenant.delete(id) && ofTenant.size === 0) this.#byTenant.delete(tenantId);
    }
  }

  match(event: ApplicationEvent): readonly IntegrationId[] {
    const ofTenant = this.#byTenant.get(event.tenantId);
    if (ofTenant === undefined) return [];
    let parsed: Readonly<Record<string, unknown>> | undefined;
    const inside = () => {
      parsed ??= objectOf(event);
      return parsed;
    };
    const found: IntegrationId[] = [];
    for (const { id, applicationId, filter } of ofTenant.values()) {
      const isMeant =
        isOf(applicationId, event) && wants(filter, event) && (!looksInside(filter) || passes(filter, inside()));
      if (isMeant) found.push(id);
    }
    return found;
  }
}

/** Alerts are no events of a device: only those get them who asked for them. */
const wants = ({ events }: IntegrationFilter, { kind }: ApplicationEvent): boolean =>
  events.includes(kind) || (events.length === 0 && kind !== "alert");

const isOf = (applicationId: ApplicationId | null, event: ApplicationEvent): boolean =>
  applicationId === null || applicationId === event.applicationId;

function objectOf(event: ApplicationEvent): Readonly<Record<string, unknown>> {
  const value = bodyOf(event);
  return isObject(value) ? value : {};
}
