import { Badge, Table, Text } from "@mantine/core";
import { IconActivity } from "@tabler/icons-react";
import { useState } from "react";
import { type LiveEvent, useStream } from "../../api/live.ts";
import { membersOf, textOfMember } from "../../api/members.ts";
import { Empty } from "../../parts/empty.tsx";
import { Panel } from "../../parts/panel.tsx";
import { TimeAgo } from "../../parts/time-ago.tsx";

const shownEvents = 12;
const colors: Readonly<Record<string, string>> = { up: "cyan", join: "teal", log: "orange", gap: "red" };

/** What the list shows of an event. */
function summaryOf({ content }: LiveEvent): { readonly device: string; readonly time: string | undefined } {
  const { deviceInfo, time } = membersOf(content);
  const { deviceName, devEui } = membersOf(deviceInfo);
  return { device: textOfMember(deviceName) ?? textOfMember(devEui) ?? "", time: textOfMember(time) };
}

/** What devices say while the page is open. */
export function LiveEvents({ tenantId }: { readonly tenantId: string | undefined }) {
  const [events, setEvents] = useState<readonly LiveEvent[]>([]);
  const filter = tenantId === undefined ? "" : `?tenantId=${tenantId}`;
  useStream(`/api/events${filter}`, event => setEvents(known => [event, ...known].slice(0, shownEvents)));
  return (
    <Panel title="Happening now">
      {events.length === 0 ? (
        <Empty icon={IconActivity} title="Nothing yet">
          What devices say appears here as it comes.
        </Empty>
      ) : (
        <Table aria-label="Events" layout="fixed" verticalSpacing={6}>
          <Table.Tbody>
            {events.map(event => {
              const { device, time } = summaryOf(event);
              return (
                <Table.Tr key={event.id}>
                  <Table.Td w={104}>
                    <Badge color={colors[event.kind] ?? "gray"}>{event.kind}</Badge>
                  </Table.Td>
                  <Table.Td>
                    <Text size="sm" truncate title={device}>
                      {device}
                    </Text>
                  </Table.Td>
                  <Table.Td w={120} ta="right">
                    <Text size="sm" c="dimmed" component="span">
                      <TimeAgo time={time} />
                    </Text>
                  </Table.Td>
                </Table.Tr>
              );
            })}
          </Table.Tbody>
        </Table>
      )}
    </Panel>
  );
}
