import { Group, Progress, SimpleGrid, Skeleton, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { dataOf } from "../../../../../client/client.ts";
import { countsOver, figuresOver, type Point, totalsBy } from "../../api/metrics.ts";
import { api } from "../../api/queries.ts";
import { dataRateText, frequencyText } from "../../api/radio.ts";
import { Chart } from "../../parts/chart.tsx";
import { HeatMap } from "../../parts/heat-map.tsx";
import { shortNumber } from "../../parts/numbers.ts";
import { Panel } from "../../parts/panel.tsx";
import { ProblemNote } from "../../parts/problem.tsx";
import { periodOf, stepsOf, type TimeRange, TimeRangeChoice, useTimeRange } from "../../parts/time-range.tsx";
import { OnlineHistory } from "./online.tsx";

/** What a gateway heard and sent, and how well. */
export function Traffic({ gatewayId }: { readonly gatewayId: string }) {
  const [range, setRange] = useTimeRange();
  const metrics = useQuery({
    queryKey: ["metrics", "gateways", gatewayId, range],
    queryFn: async () =>
      dataOf(
        await api.GET("/api/gateways/{gatewayId}/metrics", {
          params: { path: { gatewayId }, query: periodOf(range) },
        }),
      ).items,
    refetchInterval: 30_000,
    placeholderData: previous => previous,
  });
  return (
    <Stack>
      <Group justify="flex-end">
        <TimeRangeChoice value={range} onChange={setRange} />
      </Group>
      <OnlineHistory gatewayId={gatewayId} range={range} />
      {metrics.isError && <ProblemNote error={metrics.error} onRetry={() => void metrics.refetch()} />}
      {metrics.isPending && <Skeleton h={300} />}
      {metrics.data !== undefined && <TrafficCharts points={metrics.data} range={range} />}
    </Stack>
  );
}

function TrafficCharts({ points, range }: { readonly points: readonly Point[]; readonly range: TimeRange }) {
  // biome-ignore lint/correctness/useExhaustiveDependencies: time goes on with what is read.
  const steps = useMemo(() => stepsOf(range), [range, points]);
  const bounds = (figure: string) => [
    { label: "average", color: "cyan", values: figuresOver(points, steps, figure, "average") },
    { label: "least", color: "gray", values: figuresOver(points, steps, figure, "min"), isFaint: true },
    { label: "most", color: "gray", values: figuresOver(points, steps, figure, "max"), isFaint: true },
  ];
  return (
    <>
      <SimpleGrid cols={{ base: 1, md: 2 }}>
        <Panel title="Frames heard">
          <Chart
            isWhole
            label="Frames heard over time"
            times={steps}
            lines={[{ label: "heard", color: "cyan", as: "bars", values: countsOver(points, steps, "received") }]}
          />
        </Panel>
        <Panel title="Downlinks">
          <Chart
            isWhole
            label="Downlinks over time"
            times={steps}
            lines={[
              { label: "sent", color: "teal", values: countsOver(points, steps, "sent") },
              { label: "refused", color: "red", values: countsOver(points, steps, "refused") },
            ]}
          />
        </Panel>
        <Panel title="RSSI">
          <Chart label="RSSI over time" unit="dBm" times={steps} lines={bounds("rssi")} fromZero={false} />
        </Panel>
        <Panel title="SNR">
          <Chart label="SNR over time" unit="dB" times={steps} lines={bounds("snr")} fromZero={false} />
        </Panel>
      </SimpleGrid>
      <Panel title="Frames by frequency and data rate">
        <Channels points={points} />
      </Panel>
      <SimpleGrid cols={{ base: 1, md: 2 }}>
        <Panel title="What became of frames">
          <Shares totals={totalsBy(points, "verdict")} good="accepted" />
        </Panel>
        <Panel title="What became of downlinks">
          <Shares totals={totalsBy(points, "status")} good="OK" />
        </Panel>
      </SimpleGrid>
    </>
  );
}

function Channels({ points }: { readonly points: readonly Point[] }) {
  const { rows, columns } = channelsOf(points);
  if (rows.length === 0) return <Nothing />;
  return <HeatMap label="Frames by frequency and data rate" columns={columns} rows={rows} />;
}

const inOrder = (names: Iterable<string>): readonly string[] =>
  [...new Set(names)].sort((one, other) => one.localeCompare(other, undefined, { numeric: true }));

/** Frequencies with how often each data rate was heard at them. */
function channelsOf(points: readonly Point[]) {
  const counts = totalsBy(points, "channel");
  const pairs = [...counts.keys()].map(channel => channel.split(" "));
  const dataRates = inOrder(pairs.map(([, dataRate = ""]) => dataRate)).toReversed();
  return {
    columns: dataRates.map(dataRateText),
    rows: inOrder(pairs.map(([frequency = ""]) => frequency)).map(frequency => ({
      label: frequencyText(Number(frequency)),
      values: dataRates.map(dataRate => counts.get(`${frequency} ${dataRate}`) ?? 0),
    })),
  };
}

const Nothing = () => (
  <Text c="dimmed" size="sm">
    Nothing in this time.
  </Text>
);

interface SharesProps {
  readonly totals: ReadonlyMap<string, number>;
  /** The one that is as it should be. */
  readonly good: string;
}

/** How much of the whole each is, the most first. */
function Shares({ totals, good }: SharesProps) {
  const all = [...totals.values()].reduce((sum, count) => sum + count, 0);
  if (all === 0) return <Nothing />;
  return (
    <Stack gap={8}>
      {[...totals]
        .sort(([, one], [, other]) => other - one)
        .map(([name, count]) => (
          <Group key={name} gap="sm" wrap="nowrap">
            <Text size="sm" w={150} truncate title={name}>
              {name.replaceAll("-", " ")}
            </Text>
            <Progress
              value={(100 * count) / all}
              color={name === good ? "teal" : "orange"}
              flex={1}
              size="lg"
              aria-label={name}
            />
            <Text size="sm" w={64} ta="right" className="numbers">
              {shortNumber(count)}
            </Text>
          </Group>
        ))}
    </Stack>
  );
}
