import type { Alert } from "../../api/alerts.ts";
import { PageLink } from "../../parts/links.tsx";

/** Leads to the device, gateway or integration that an alert is about. */
export function SubjectLink({ subject: { type, id, name } }: { readonly subject: Alert["subject"] }) {
  const text = name === "" ? id : name;
  switch (type) {
    case "device":
      return (
        <PageLink to="/devices/$devEui" params={{ devEui: id }}>
          {text}
        </PageLink>
      );
    case "gateway":
      return (
        <PageLink to="/gateways/$gatewayId" params={{ gatewayId: id }}>
          {text}
        </PageLink>
      );
    case "integration":
      return (
        <PageLink to="/integrations/$integrationId" params={{ integrationId: id }}>
          {text}
        </PageLink>
      );
  }
}
