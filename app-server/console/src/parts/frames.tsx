import { ActionIcon, Badge, Button, Group, Skeleton, Table, Text } from "@mantine/core";
import { IconAccessPoint, IconChevronDown, IconChevronRight } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Fragment, useState } from "react";
import { dataOf } from "../../../../client/client.ts";
import { useStream } from "../api/live.ts";
import { api, isProblem } from "../api/queries.ts";
import { bestReception, receptionsOf, transmissionOf } from "../api/radio.ts";
import { Empty } from "./empty.tsx";
import { type ExplainedFrame, FrameBreakdown } from "./frame-breakdown.tsx";
import { ProblemNote } from "./problem.tsx";
import { TimeAgo } from "./time-ago.tsx";

type Frame = ExplainedFrame["frame"];

/** Whose frames: a device's with all receptions, or what a gateway heard and sent. */
export type FrameSource =
  | { readonly kind: "device"; readonly devEui: string }
  | { readonly kind: "gateway"; readonly gatewayId: string };

const mostShown = 200;

const pathOf = (source: FrameSource): string =>
  source.kind === "device" ? `/api/devices/${source.devEui}/frames` : `/api/gateways/${source.gatewayId}/frames`;

const readFrames = async (source: FrameSource): Promise<readonly Frame[]> => {
  const query = { limit: 100 };
  return source.kind === "device"
    ? dataOf(await api.GET("/api/devices/{devEui}/frames", { params: { path: source, query } })).items
    : dataOf(await api.GET("/api/gateways/{gatewayId}/frames", { params: { path: source, query } })).items;
};

async function explain(source: FrameSource, frame: Frame): Promise<ExplainedFrame> {
  const frameId = frame.id;
  try {
    return source.kind === "device"
      ? dataOf(await api.GET("/api/devices/{devEui}/frames/{frameId}", { params: { path: { ...source, frameId } } }))
      : dataOf(
          await api.GET("/api/gateways/{gatewayId}/frames/{frameId}", { params: { path: { ...source, frameId } } }),
        );
  } catch (error) {
    // Not in the history, or not kept at all: what the bytes themselves say is still to be had.
    if (!isProblem(error, 404) || Date.now() - Date.parse(frame.time) < historyDelayMs) throw error;
    const breakdown = dataOf(await api.POST("/api/frames/decode", { body: { phyPayload: frame.phyPayload } }));
    return { frame, why: frame.verdict ?? frame.outcome ?? "", breakdown };
  }
}

/** So long it may take until a frame that was just heard is in the history. */
const historyDelayMs = 10_000;

/** What a live stream carries is a frame as the API has it, or the page is older than the server. */
const isFrame = (content: unknown): content is Frame =>
  typeof content === "object" && content !== null && "id" in content && "phyPayload" in content;

/** The frames of the last time, and those that come while the page is open. */
export function Frames({ source }: { readonly source: FrameSource }) {
  const path = pathOf(source);
  const [came, setCame] = useState<readonly Frame[]>([]);
  const [open, setOpen] = useState<string>();
  const [isPaused, setPaused] = useState(false);
  const past = useQuery({ queryKey: ["frames", path], queryFn: () => readFrames(source) });
  useStream(`${path}/stream`, ({ content }) => {
    if (isFrame(content)) setCame(known => [content, ...known].slice(0, mostShown));
  });
  const [kept, setKept] = useState<readonly Frame[]>([]);
  const all = isPaused ? kept : merged(came, past.data ?? []);
  const pause = (): void => {
    setKept(all);
    setPaused(!isPaused);
  };
  if (past.isError) return <ProblemNote error={past.error} onRetry={() => void past.refetch()} />;
  if (past.isPending) return <Skeleton h={200} />;
  if (all.length === 0) {
    return (
      <Empty icon={IconAccessPoint} title="No frames yet">
        Each frame on the air appears here the moment it is heard or sent.
      </Empty>
    );
  }
  return (
    <>
      <Group justify="flex-end" mb="xs">
        <Button variant="default" size="xs" onClick={pause}>
          {isPaused ? "Go on" : "Hold"}
        </Button>
      </Group>
      <Table.ScrollContainer minWidth={300}>
        <Table aria-label="Frames" verticalSpacing={6}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th w={40} aria-label="Details" />
              <Table.Th>Frame</Table.Th>
              <Table.Th>Result</Table.Th>
              <Table.Th ta="right">FCnt</Table.Th>
              <Table.Th visibleFrom="sm">Radio</Table.Th>
              <Table.Th ta="right" visibleFrom="xs">
                Time
              </Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {all.map(frame => (
              <Fragment key={frame.id}>
                <FrameRow
                  frame={frame}
                  isOpen={frame.id === open}
                  onToggle={() => setOpen(frame.id === open ? undefined : frame.id)}
                />
                {frame.id === open && (
                  <Table.Tr>
                    <Table.Td colSpan={6} bg="var(--mantine-color-default-hover)">
                      <Explained source={source} frame={frame} />
                    </Table.Td>
                  </Table.Tr>
                )}
              </Fragment>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </>
  );
}

/** Newest first, each once. */
function merged(came: readonly Frame[], past: readonly Frame[]): readonly Frame[] {
  const known = new Set(came.map(({ id }) => id));
  return [...came, ...past.filter(({ id }) => !known.has(id))].slice(0, mostShown);
}

interface FrameRowProps {
  readonly frame: Frame;
  readonly isOpen: boolean;
  readonly onToggle: () => void;
}

const resultOf = ({ verdict, outcome }: Frame): string => verdict ?? outcome ?? "";
const goodResults = new Set(["accepted", "sent"]);

function FrameRow({ frame, isOpen, onToggle }: FrameRowProps) {
  const { direction, frameType, fCnt, time, rxInfo, txInfo } = frame;
  const receptions = receptionsOf(rxInfo);
  const best = bestReception(receptions);
  const result = resultOf(frame);
  return (
    <Table.Tr onClick={onToggle} style={{ cursor: "pointer" }}>
      <Table.Td>
        <ActionIcon
          variant="subtle"
          color="gray"
          size="sm"
          aria-expanded={isOpen}
          aria-label={`Details of ${frameType}${fCnt === undefined ? "" : ` ${fCnt}`}`}
        >
          {isOpen ? <IconChevronDown size={16} /> : <IconChevronRight size={16} />}
        </ActionIcon>
      </Table.Td>
      <Table.Td>
        <Text span size="sm" c="dimmed" mr={6} aria-hidden>
          {direction === "up" ? "↑" : "↓"}
        </Text>
        {frameType.replaceAll("-", " ")}
      </Table.Td>
      <Table.Td>
        <Badge miw="max-content" color={goodResults.has(result) ? "teal" : "orange"}>
          {result.replaceAll("-", " ")}
        </Badge>
      </Table.Td>
      <Table.Td ta="right" className="numbers">
        {fCnt}
      </Table.Td>
      <Table.Td className="numbers" visibleFrom="sm">
        <Text span size="sm" c="dimmed">
          {radioText(transmissionOf(txInfo).modulation, best?.rssi, best?.snr, receptions.length)}
        </Text>
      </Table.Td>
      <Table.Td ta="right" visibleFrom="xs">
        <Text span size="sm" c="dimmed">
          <TimeAgo time={time} />
        </Text>
      </Table.Td>
    </Table.Tr>
  );
}

const radioText = (modulation: string, rssi: number | undefined, snr: number | undefined, gateways: number): string =>
  [
    modulation,
    rssi !== undefined && `${rssi} dBm`,
    snr !== undefined && `${snr} dB`,
    gateways > 1 && `${gateways} gateways`,
  ]
    .filter(part => part !== false && part !== "")
    .join(", ");

function Explained({ source, frame }: { readonly source: FrameSource; readonly frame: Frame }) {
  const explained = useQuery({
    queryKey: ["frames", pathOf(source), frame.id],
    queryFn: () => explain(source, frame),
    staleTime: Number.POSITIVE_INFINITY,
    // A frame that was just heard comes into the history within moments.
    retry: (count, error) => isProblem(error, 404) && count < 20,
    retryDelay: 700,
  });
  if (explained.isError) return <ProblemNote error={explained.error} onRetry={() => void explained.refetch()} />;
  if (explained.data === undefined) return <Skeleton h={160} />;
  return <FrameBreakdown explained={explained.data} />;
}
