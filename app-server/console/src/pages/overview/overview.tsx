import { Badge, Group, Progress, SimpleGrid, Skeleton, Stack, Text } from "@mantine/core";
import { IconMap2 } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { gatewayStatesQuery, positionsOf } from "../../api/gateway-states.ts";
import { countsOver, type Point, totalOf, totalsBy } from "../../api/metrics.ts";
import { Chart } from "../../parts/chart.tsx";
import { Empty } from "../../parts/empty.tsx";
import { PositionMap } from "../../parts/map.tsx";
import { shortNumber, wholeNumber } from "../../parts/numbers.ts";
import { PageHeader } from "../../parts/page-header.tsx";
import { Panel } from "../../parts/panel.tsx";
import { ProblemNote } from "../../parts/problem.tsx";
import { Stat } from "../../parts/stat.tsx";
import { stepsOf, type TimeRange, TimeRangeChoice, useTimeRange } from "../../parts/time-range.tsx";
import { useTenantId } from "../../shell/tenant.ts";
import { LiveEvents } from "./live-events.tsx";
import { RaisedAlerts } from "./raised-alerts.tsx";
import { SinksInTrouble } from "./sinks.tsx";
import { type Summed, useHappenings, useStates, useSummed } from "./totals.ts";
import { Welcome } from "./welcome.tsx";

export function OverviewPage() {
  const tenantId = useTenantId();
  const summed = useSummed();
  const [range, setRange] = useTimeRange();
  return (
    <>
      <PageHeader title="Overview" actions={<TimeRangeChoice value={range} onChange={setRange} />} />
      <Stack>
        <RaisedAlerts tenantId={tenantId} />
        {summed && <Sums summed={summed} range={range} />}
        <SimpleGrid cols={{ base: 1, lg: 2 }}>
          <GatewayMap tenantId={tenantId} />
          <LiveEvents key={tenantId} tenantId={tenantId} />
        </SimpleGrid>
        <SinksInTrouble tenantId={tenantId} />
      </Stack>
    </>
  );
}

interface SumsProps {
  readonly summed: Summed;
  readonly range: TimeRange;
}

function Sums({ summed, range }: SumsProps) {
  const states = useStates(summed);
  const happenings = useHappenings(summed, range);
  if (states.isError) return <ProblemNote error={states.error} onRetry={() => void states.refetch()} />;
  if (happenings.isError) return <ProblemNote error={happenings.error} onRetry={() => void happenings.refetch()} />;
  const points = happenings.data;
  if (states.data === undefined || points === undefined) return <Skeleton h={320} />;
  const { devices, gateways } = states.data;
  return (
    <>
      {devices.total === 0 && <Welcome />}
      <SimpleGrid cols={{ base: 2, sm: 3, lg: 6 }} spacing="sm">
        <Stat label="Devices" value={wholeNumber(devices.total)}>
          <States states={devices} colors={{ active: "teal", inactive: "red", neverSeen: "gray" }} />
        </Stat>
        <Stat label="Gateways" value={wholeNumber(gateways.total)}>
          <States states={gateways} colors={{ online: "teal", offline: "red", neverSeen: "gray" }} />
        </Stat>
        <Stat label="Uplinks" value={shortNumber(totalOf(points, "uplinks"))} />
        <Stat label="Joins" value={shortNumber(totalOf(points, "joins"))} />
        <Stat label="Downlinks" value={shortNumber(totalOf(points, "downlinks"))} />
        <Stat label="Errors" value={shortNumber(totalOf(points, "errors", "nacks"))} />
      </SimpleGrid>
      <Happenings points={points} range={range} />
    </>
  );
}

const stateLabels: Readonly<Record<string, string>> = { neverSeen: "never seen" };

function States({
  states,
  colors,
}: {
  readonly states: Readonly<Record<string, number>>;
  readonly colors: Record<string, string>;
}) {
  return Object.entries(colors).map(([state, color]) => {
    const count = states[state] ?? 0;
    return count === 0 ? null : (
      <Badge key={state} color={color} size="sm">
        {wholeNumber(count)} {stateLabels[state] ?? state}
      </Badge>
    );
  });
}

function Happenings({ points, range }: { readonly points: readonly Point[]; readonly range: TimeRange }) {
  // biome-ignore lint/correctness/useExhaustiveDependencies: time goes on with what is read.
  const steps = useMemo(() => stepsOf(range), [range, points]);
  const bars = (label: string, color: string, ...names: readonly string[]) => ({
    label,
    color,
    as: "bars" as const,
    values: countsOver(points, steps, ...names),
  });
  const line = (label: string, color: string, ...names: readonly string[]) => ({
    label,
    color,
    values: countsOver(points, steps, ...names),
  });
  return (
    <SimpleGrid cols={{ base: 1, md: 2 }}>
      <Panel title="Uplinks">
        <Chart isWhole label="Uplinks over time" times={steps} lines={[bars("uplinks", "cyan", "uplinks")]} />
      </Panel>
      <Panel title="Joins and downlinks">
        <Chart
          isWhole
          label="Joins and downlinks over time"
          times={steps}
          lines={[line("joins", "teal", "joins"), line("downlinks", "grape", "downlinks")]}
        />
      </Panel>
      <Panel title="Losses">
        <Chart
          isWhole
          label="Errors and unacknowledged downlinks over time"
          times={steps}
          lines={[line("errors", "red", "errors"), line("not acknowledged", "orange", "nacks")]}
        />
      </Panel>
      <Panel title="Data rates">
        <DataRates points={points} />
      </Panel>
    </SimpleGrid>
  );
}

function DataRates({ points }: { readonly points: readonly Point[] }) {
  const rates = [...totalsBy(points, "dataRate")];
  const total = rates.reduce((sum, [, count]) => sum + count, 0);
  if (total === 0) {
    return (
      <Text c="dimmed" size="sm">
        No uplinks in this time.
      </Text>
    );
  }
  return (
    <Stack gap={8}>
      {rates.map(([rate, count]) => (
        <Group key={rate} gap="sm" wrap="nowrap">
          <Text size="sm" w={44}>
            DR{rate}
          </Text>
          <Progress value={(100 * count) / total} flex={1} size="lg" aria-label={`DR${rate}`} />
          <Text size="sm" w={96} ta="right" className="numbers">
            {shortNumber(count)}{" "}
            <Text span c="dimmed" size="xs">
              {Math.round((100 * count) / total)} %
            </Text>
          </Text>
        </Group>
      ))}
    </Stack>
  );
}

function GatewayMap({ tenantId }: { readonly tenantId: string | undefined }) {
  const gateways = useQuery(gatewayStatesQuery(tenantId));
  const positions = useMemo(() => positionsOf(gateways.data ?? []), [gateways.data]);
  return (
    <Panel title="Map">
      {gateways.isError && <ProblemNote error={gateways.error} onRetry={() => void gateways.refetch()} />}
      {gateways.isPending && <Skeleton h={320} />}
      {gateways.isSuccess && positions.length === 0 && (
        <Empty icon={IconMap2} title="No gateway has a place">
          Give your gateways their locations to see them here.
        </Empty>
      )}
      {positions.length > 0 && <PositionMap label="Map of gateways" positions={positions} />}
    </Panel>
  );
}
