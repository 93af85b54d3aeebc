import { ActionIcon, Badge, Button, Group, Select, Skeleton, Table, Text } from "@mantine/core";
import { IconActivity, IconChevronDown, IconChevronRight } from "@tabler/icons-react";
import { Fragment, useState } from "react";
import { numberOfMember, textOfMember } from "../../api/members.ts";
import { bestReception, receptionsOf, transmissionOf } from "../../api/radio.ts";
import { Empty } from "../../parts/empty.tsx";
import { JsonView } from "../../parts/json-view.tsx";
import { ProblemNote } from "../../parts/problem.tsx";
import { TimeAgo } from "../../parts/time-ago.tsx";
import { type DeviceEvent, useDeviceEvents } from "./events.tsx";

const kinds = ["up", "join", "ack", "txack", "log", "status", "location"] as const;
type Kind = (typeof kinds)[number];
const kindTexts: Readonly<Record<Kind, string>> = {
  up: "Uplinks",
  join: "Joins",
  ack: "Acknowledgements",
  txack: "Sent downlinks",
  log: "Notes and errors",
  status: "Battery and margin",
  location: "Locations",
};

export default function EventList({ devEui }: { readonly devEui: string }) {
  const [kind, setKind] = useState<Kind>();
  const [limit, setLimit] = useState(100);
  const { events, past } = useDeviceEvents(devEui, { kinds: kind === undefined ? kinds : [kind], limit });
  const [open, setOpen] = useState<string>();
  if (past.isError) return <ProblemNote error={past.error} onRetry={() => void past.refetch()} />;
  return (
    <>
      <Group justify="space-between" mb="sm">
        <Select
          aria-label="Kind"
          placeholder="Every kind"
          clearable
          w={220}
          data={kinds.map(value => ({ value, label: kindTexts[value] }))}
          value={kind ?? null}
          onChange={value => setKind(kinds.find(known => known === value))}
        />
        <Button
          component="a"
          variant="default"
          size="xs"
          href={`/api/devices/${devEui}/events/export?format=csv`}
          download
        >
          Download all as CSV
        </Button>
      </Group>
      {past.isPending && <Skeleton h={200} />}
      {past.isSuccess && events.length === 0 && (
        <Empty icon={IconActivity} title="No events">
          What the device says, and what became of what was said to it, appears here as it happens.
        </Empty>
      )}
      {events.length > 0 && (
        <Table.ScrollContainer minWidth={300}>
          <Table aria-label="Events" verticalSpacing={6}>
            <Table.Tbody>
              {events.map(event => (
                <Fragment key={event.id}>
                  <EventRow
                    event={event}
                    isOpen={event.id === open}
                    onToggle={() => setOpen(event.id === open ? undefined : event.id)}
                  />
                  {event.id === open && (
                    <Table.Tr>
                      <Table.Td colSpan={4} maw={0}>
                        <JsonView value={event.content} label="event" />
                      </Table.Td>
                    </Table.Tr>
                  )}
                </Fragment>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
      {(past.data?.length ?? 0) >= limit && limit < 1000 && (
        <Button
          variant="default"
          mt="sm"
          loading={past.isFetching}
          onClick={() => setLimit(Math.min(1000, limit + 300))}
        >
          Earlier ones
        </Button>
      )}
    </>
  );
}

interface EventRowProps {
  readonly event: DeviceEvent;
  readonly isOpen: boolean;
  readonly onToggle: () => void;
}

function EventRow({ event, isOpen, onToggle }: EventRowProps) {
  const { kind, time } = event;
  return (
    <Table.Tr onClick={onToggle} style={{ cursor: "pointer" }}>
      <Table.Td w={40}>
        <ActionIcon variant="subtle" color="gray" size="sm" aria-expanded={isOpen} aria-label={`Details of ${kind}`}>
          {isOpen ? <IconChevronDown size={16} /> : <IconChevronRight size={16} />}
        </ActionIcon>
      </Table.Td>
      <Table.Td w={90}>
        <Badge color={colorOf(event)}>{kind}</Badge>
      </Table.Td>
      <Table.Td>
        <Text size="sm" lineClamp={2} style={{ overflowWrap: "anywhere" }}>
          {summaryOf(event)}
        </Text>
      </Table.Td>
      <Table.Td w={150} ta="right" visibleFrom="xs">
        <Text span size="sm" c="dimmed">
          <TimeAgo time={time} />
        </Text>
      </Table.Td>
    </Table.Tr>
  );
}

const levelColors: Readonly<Record<string, string>> = { ERROR: "red", WARNING: "orange" };

function colorOf({ kind, content }: DeviceEvent): string {
  if (kind === "log") return levelColors[String(content.level)] ?? "gray";
  return kind === "ack" && content.acknowledged === false ? "orange" : "cyan";
}

/** One line that says what an event is about. */
function summaryOf({ kind, content }: DeviceEvent): string {
  switch (kind) {
    case "up":
      return uplinkSummary(content);
    case "join":
      return `joined as ${textOfMember(content.devAddr) ?? "?"}`;
    case "ack":
      return content.acknowledged === false
        ? "a confirmed downlink was not acknowledged"
        : "a downlink was acknowledged";
    case "txack":
      return `a downlink was sent by ${textOfMember(content.gatewayId) ?? "?"}`;
    case "log":
      return `${textOfMember(content.code) ?? ""}: ${textOfMember(content.description) ?? ""}`;
    case "status":
      return statusSummary(content);
    default:
      return "";
  }
}

function uplinkSummary(content: DeviceEvent["content"]): string {
  const { fCnt, fPort, object, data, rxInfo, txInfo } = content;
  const best = bestReception(receptionsOf(rxInfo));
  const parts = [
    `frame ${numberOfMember(fCnt) ?? "?"}`,
    `port ${numberOfMember(fPort) ?? 0}`,
    transmissionOf(txInfo).modulation,
    best?.rssi === undefined ? "" : `${best.rssi} dBm`,
    object === undefined ? (textOfMember(data) ?? "") : JSON.stringify(object),
  ];
  return parts.filter(part => part !== "").join(", ");
}

function statusSummary({
  batteryLevel,
  batteryLevelUnavailable,
  externalPowerSource,
  margin,
}: DeviceEvent["content"]): string {
  const level = numberOfMember(batteryLevel);
  const battery =
    externalPowerSource === true
      ? "external power"
      : batteryLevelUnavailable === true || level === undefined
        ? "battery unknown"
        : `battery ${Math.round(level)} %`;
  return `${battery}, margin ${numberOfMember(margin) ?? "?"} dB`;
}
