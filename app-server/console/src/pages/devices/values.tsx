import { Button, Paper, SimpleGrid, Skeleton, Stack, Table, Text, Title, UnstyledButton } from "@mantine/core";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { dataOf, type Schemas } from "../../../../../client/client.ts";
import { api } from "../../api/queries.ts";
import { Chart } from "../../parts/chart.tsx";
import { Dialog } from "../../parts/dialog.tsx";
import { ProblemNote } from "../../parts/problem.tsx";
import { Sparkline } from "../../parts/sparkline.tsx";
import { TimeAgo } from "../../parts/time-ago.tsx";
import { periodOf, type TimeRange, TimeRangeChoice } from "../../parts/time-range.tsx";

const firstShown = 12;

const readLatest = async (devEui: string) =>
  dataOf(await api.GET("/api/devices/{devEui}/measurements", { params: { path: { devEui } } })).items;
type Latest = Awaited<ReturnType<typeof readLatest>>[number];

/** What was just heard is in the history within moments; so often it is asked whether it is. */
const historyPollMs = 700;
/** And for so long, should the history keep nothing. */
const historyPatienceMs = 30_000;

interface ValuesProps {
  readonly devEui: string;
  /** Time of the newest uplink with decoded values, if there is one. RFC 3339. */
  readonly decodedAt: string | undefined;
}

/** The latest decoded values, each with its course. */
export function Values({ devEui, decodedAt }: ValuesProps) {
  const arrived = useRef({ decodedAt, ms: Date.now() });
  if (arrived.current.decodedAt !== decodedAt) arrived.current = { decodedAt, ms: Date.now() };
  const isBehind = (known: readonly Latest[] | undefined): boolean =>
    decodedAt !== undefined &&
    Date.now() - arrived.current.ms < historyPatienceMs &&
    !(known?.some(({ time }) => Date.parse(time) >= Date.parse(decodedAt)) ?? false);
  const [isWhole, setWhole] = useState(false);
  const [open, setOpen] = useState<Latest>();
  const latest = useQuery({
    queryKey: ["devices", devEui, "measurements", "latest"],
    queryFn: () => readLatest(devEui),
    placeholderData: keepPreviousData,
    refetchInterval: query => (isBehind(query.state.data) ? historyPollMs : false),
  });
  const all = latest.data ?? [];
  return (
    <section>
      <Title order={2} size="h4" mb="sm">
        Latest values
      </Title>
      {latest.isError && <ProblemNote error={latest.error} onRetry={() => void latest.refetch()} />}
      {latest.isPending && <Skeleton h={100} />}
      {latest.isSuccess && all.length === 0 && (
        <Text c="dimmed">
          Nothing is decoded. Give the device profile a codec, and look at the events for what it makes of the payloads.
        </Text>
      )}
      <SimpleGrid cols={{ base: 1, xs: 2, sm: 3, lg: 4 }}>
        {all.slice(0, isWhole ? all.length : firstShown).map(measurement => (
          <ValueCard key={measurement.key} devEui={devEui} latest={measurement} onOpen={() => setOpen(measurement)} />
        ))}
      </SimpleGrid>
      {all.length > firstShown && !isWhole && (
        <Button variant="subtle" mt="xs" onClick={() => setWhole(true)}>
          {all.length - firstShown} more
        </Button>
      )}
      <Dialog opened={open !== undefined} onClose={() => setOpen(undefined)} title={open?.name} size="xl">
        {open && <Course devEui={devEui} latest={open} />}
      </Dialog>
    </section>
  );
}

const readSeries = async (devEui: string, key: string, since: string) =>
  dataOf(
    await api.GET("/api/devices/{devEui}/measurements/{key}", { params: { path: { devEui, key }, query: { since } } }),
  );

type Point = Schemas["Measurement"]["points"][number];
/** A point's number: of several their average. */
const numberOf = ({ average, value }: Point): number | undefined =>
  average ?? (typeof value === "number" ? value : undefined);

/** Read anew whenever there is a newer value. */
function useSeries(devEui: string, { key, time }: Latest, range: TimeRange) {
  return useQuery({
    queryKey: ["devices", devEui, "measurements", key, range, time],
    queryFn: () => readSeries(devEui, key, periodOf(range).since),
    placeholderData: keepPreviousData,
  });
}

interface ValueProps {
  readonly devEui: string;
  readonly latest: Latest;
}

const textOf = (value: number | string): string =>
  typeof value === "number" ? value.toLocaleString(undefined, { maximumSignificantDigits: 8 }) : value;

function ValueCard({ devEui, latest, onOpen }: ValueProps & { readonly onOpen: () => void }) {
  const { key, name, unit, value, time, kind } = latest;
  const series = useSeries(devEui, latest, "24h");
  const numbers = (series.data?.points ?? []).map(numberOf).filter(number => number !== undefined);
  return (
    <UnstyledButton onClick={onOpen} aria-haspopup="dialog" miw={0}>
      <Paper withBorder p="sm" h="100%">
        <Text size="xs" c="dimmed" truncate title={key}>
          {name}
        </Text>
        <Text fz={22} fw={650} className="numbers" truncate title={textOf(value)}>
          {textOf(value)}
          {unit !== "" && (
            <Text span size="sm" fw={400} ml={4}>
              {unit}
            </Text>
          )}
        </Text>
        {kind !== "state" && numbers.length > 1 ? <Sparkline values={numbers} /> : <div style={{ height: 28 }} />}
        <Text size="xs" c="dimmed">
          <TimeAgo time={time} />
        </Text>
      </Paper>
    </UnstyledButton>
  );
}

/** One value over time, large. */
function Course({ devEui, latest }: ValueProps) {
  const [range, setRange] = useState<TimeRange>("24h");
  const { data, isError, error } = useSeries(devEui, latest, range);
  const points = data?.points ?? [];
  const isNumeric = points.some(point => numberOf(point) !== undefined);
  return (
    <Stack>
      <TimeRangeChoice value={range} onChange={setRange} />
      {isError && <ProblemNote error={error} />}
      {data === undefined && !isError && <Skeleton h={260} />}
      {data !== undefined && points.length === 0 && <Text c="dimmed">Nothing in this time.</Text>}
      {data !== undefined && isNumeric && (
        <Chart
          label={latest.name}
          times={points.map(({ time }) => Date.parse(time))}
          unit={latest.unit}
          height={260}
          fromZero={false}
          lines={linesOf(points, data.resolution)}
        />
      )}
      {points.length > 0 && !isNumeric && <States points={points} />}
    </Stack>
  );
}

function linesOf(points: readonly Point[], resolution: Schemas["Measurement"]["resolution"]) {
  const valuesOf = (pick: (point: Point) => number | undefined) => points.map(point => pick(point) ?? null);
  if (resolution === "raw") return [{ label: "value", color: "cyan", values: valuesOf(numberOf) }];
  return [
    { label: `average of the ${resolution}`, color: "cyan", values: valuesOf(numberOf) },
    { label: "least", color: "gray", isFaint: true, values: valuesOf(({ min }) => min) },
    { label: "most", color: "gray", isFaint: true, values: valuesOf(({ max }) => max) },
  ];
}

const States = ({ points }: { readonly points: readonly Point[] }) => (
  <Table aria-label="States" verticalSpacing={4}>
    <Table.Tbody>
      {points.toReversed().map(({ time, value, states }) => (
        <Table.Tr key={time}>
          <Table.Td>{new Date(time).toLocaleString()}</Table.Td>
          <Table.Td>
            {states === undefined ? String(value) : states.map(({ state, count }) => `${state}: ${count}`).join(", ")}
          </Table.Td>
        </Table.Tr>
      ))}
    </Table.Tbody>
  </Table>
);
