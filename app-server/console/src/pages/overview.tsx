import { Badge, Paper, Table, Text, Title } from "@mantine/core";
import { IconActivity } from "@tabler/icons-react";
import { useState } from "react";
import { type LiveEvent, useStream } from "../api/live.ts";
import { Empty } from "../parts/empty.tsx";
import { PageHeader } from "../parts/page-header.tsx";
import { TimeAgo } from "../parts/time-ago.tsx";
import { useTenantId } from "../shell/tenant.ts";

const shownEvents = 50;

/** What the list shows of an event; events come from the server, but of several versions of it. */
function summaryOf({ content }: LiveEvent): { readonly device: string; readonly time: string | undefined } {
  const { deviceInfo, time } = membersOf(content);
  const { deviceName, devEui } = membersOf(deviceInfo);
  const name = [deviceName, devEui].find(text => typeof text === "string" && text !== "");
  return { device: typeof name === "string" ? name : "", time: typeof time === "string" ? time : undefined };
}

const membersOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? { ...value } : {};

export function OverviewPage() {
  const tenantId = useTenantId();
  const [events, setEvents] = useState<readonly LiveEvent[]>([]);
  const filter = tenantId === undefined ? "" : `?tenantId=${tenantId}`;
  useStream(`/api/events${filter}`, event => setEvents(known => [event, ...known].slice(0, shownEvents)));
  return (
    <>
      <PageHeader title="Overview" />
      <Paper withBorder p="md">
        <Title order={2} size="h4" mb="sm">
          Happening now
        </Title>
        {events.length === 0 ? (
          <Empty icon={IconActivity} title="Nothing yet">
            What devices say appears here as it comes.
          </Empty>
        ) : (
          <LiveTable events={events} />
        )}
      </Paper>
    </>
  );
}

function LiveTable({ events }: { readonly events: readonly LiveEvent[] }) {
  return (
    <Table aria-label="Events">
      <Table.Tbody>
        {events.map(event => {
          const { device, time } = summaryOf(event);
          return (
            <Table.Tr key={event.id}>
              <Table.Td w={90}>
                <Badge variant="light">{event.kind}</Badge>
              </Table.Td>
              <Table.Td>{device}</Table.Td>
              <Table.Td w={180} ta="right">
                <Text size="sm" c="dimmed" component="span">
                  <TimeAgo time={time} />
                </Text>
              </Table.Td>
            </Table.Tr>
          );
        })}
      </Table.Tbody>
    </Table>
  );
}
