import { Skeleton, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { countText, raisedAlertsQuery, severityColors } from "../../api/alerts.ts";
import { PageLink } from "../../parts/links.tsx";
import { Panel } from "../../parts/panel.tsx";
import { ProblemNote } from "../../parts/problem.tsx";
import { SignedRow } from "../../parts/signed-row.tsx";
import { TimeAgo } from "../../parts/time-ago.tsx";
import { SubjectLink } from "../alerts/subject-link.tsx";

const mostShown = 5;

/** The newest of those that nobody looks after yet. */
export function RaisedAlerts({ tenantId }: { readonly tenantId: string | undefined }) {
  const alerts = useQuery(raisedAlertsQuery(tenantId));
  const isMore = alerts.data !== undefined && alerts.data.items.length > mostShown;
  return (
    <Panel
      title="Alerts"
      actions={
        <PageLink to="/alerts" size="sm">
          {isMore ? `All ${countText(alerts.data)} alerts` : "All alerts"}
        </PageLink>
      }
    >
      {alerts.isError && <ProblemNote error={alerts.error} onRetry={() => void alerts.refetch()} />}
      {alerts.isPending && <Skeleton h={60} />}
      {alerts.data?.items.length === 0 && (
        <Text size="sm" c="dimmed">
          None is raised.
        </Text>
      )}
      <Stack gap="xs">
        {alerts.data?.items.slice(0, mostShown).map(({ id, severity, title, subject, raisedAt }) => (
          <SignedRow key={id} sign={severity} color={severityColors[severity]} aside={<TimeAgo time={raisedAt} />}>
            {title}: <SubjectLink subject={subject} />
          </SignedRow>
        ))}
      </Stack>
    </Panel>
  );
}
