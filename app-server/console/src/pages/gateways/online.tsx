import { Box, Group, Skeleton, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { dataOf } from "../../../../../client/client.ts";
import { api } from "../../api/queries.ts";
import { Panel } from "../../parts/panel.tsx";
import { ProblemNote } from "../../parts/problem.tsx";
import { periodOf, type TimeRange } from "../../parts/time-range.tsx";

const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const percent = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 2 });

interface Stretch {
  readonly fromMs: number;
  readonly toMs: number;
  /** Undefined: from before anybody looked. */
  readonly isOnline: boolean | undefined;
}

/** When the gateway was there. */
export function OnlineHistory({ gatewayId, range }: { readonly gatewayId: string; readonly range: TimeRange }) {
  const { since } = periodOf(range);
  const presence = useQuery({
    queryKey: ["gateways", gatewayId, "presence", range],
    queryFn: async () =>
      dataOf(await api.GET("/api/gateways/{gatewayId}/presence", { params: { path: { gatewayId }, query: { since } } }))
        .items,
    refetchInterval: 30_000,
    placeholderData: previous => previous,
  });
  return (
    <Panel title="Online">
      {presence.isError && <ProblemNote error={presence.error} onRetry={() => void presence.refetch()} />}
      {presence.isPending && <Skeleton h={40} />}
      {presence.data !== undefined && (
        <Stretches stretches={stretchesOf(presence.data, Date.parse(since), Date.now())} />
      )}
    </Panel>
  );
}

/** What is between the changes, from the beginning of the time to now. */
function stretchesOf(
  changes: readonly { readonly at: string; readonly isOnline: boolean }[],
  sinceMs: number,
  nowMs: number,
): readonly Stretch[] {
  const ends = [...changes.slice(1).map(({ at }) => Date.parse(at)), nowMs];
  const known = changes.map(({ at, isOnline }, index) => ({
    fromMs: Math.max(sinceMs, Date.parse(at)),
    toMs: ends[index] ?? nowMs,
    isOnline,
  }));
  const firstMs = known[0]?.fromMs ?? nowMs;
  const before = firstMs > sinceMs ? [{ fromMs: sinceMs, toMs: firstMs, isOnline: undefined }] : [];
  return [...before, ...known].filter(({ fromMs, toMs }) => toMs > fromMs);
}

const colorOf = (isOnline: boolean | undefined): string =>
  isOnline === undefined
    ? "var(--mantine-color-default-border)"
    : `var(--mantine-color-${isOnline ? "teal" : "red"}-6)`;
const nameOf = (isOnline: boolean | undefined): string =>
  isOnline === undefined ? "not known" : isOnline ? "online" : "offline";

function Stretches({ stretches }: { readonly stretches: readonly Stretch[] }) {
  const lengthOf = (isOnline: boolean): number =>
    stretches.reduce((sum, stretch) => (stretch.isOnline === isOnline ? sum + stretch.toMs - stretch.fromMs : sum), 0);
  const [online, offline] = [lengthOf(true), lengthOf(false)];
  const wholeMs = stretches.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0);
  const share = online + offline === 0 ? undefined : online / (online + offline);
  const words =
    share === undefined ? "Nobody has looked yet." : `Online ${percent.format(share)} of the time that is known.`;
  return (
    <>
      <Box display="flex" h={22} bdrs="sm" style={{ overflow: "hidden" }} role="img" aria-label={words}>
        {stretches.map(({ fromMs, toMs, isOnline }) => (
          <Box
            key={fromMs}
            title={`${nameOf(isOnline)}, ${moment.format(fromMs)} to ${moment.format(toMs)}`}
            style={{ width: `${(100 * (toMs - fromMs)) / wholeMs}%`, background: colorOf(isOnline) }}
          />
        ))}
      </Box>
      <Group justify="space-between" mt={4}>
        <Text size="sm">{words}</Text>
        <Text size="xs" c="dimmed">
          since {moment.format(stretches[0]?.fromMs)}
        </Text>
      </Group>
    </>
  );
}
