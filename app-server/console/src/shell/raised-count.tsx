import { Badge, VisuallyHidden } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { countText, raisedAlertsQuery } from "../api/alerts.ts";
import { useTenantId } from "./tenant.ts";

/** How many alerts nobody looks after yet; nothing where there are none. */
export function RaisedCount() {
  const { data } = useQuery(raisedAlertsQuery(useTenantId()));
  if (data === undefined || data.items.length === 0) return null;
  return (
    <Badge variant="filled" color="red.9" size="sm" className="numbers">
      {countText(data)}
      <VisuallyHidden> raised</VisuallyHidden>
    </Badge>
  );
}
