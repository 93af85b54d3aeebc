import { Group, Paper, SimpleGrid, Skeleton, Stack, Table, Text, Title } from "@mantine/core";
import { IconActivity } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Chart } from "../../parts/chart.tsx";
import type { ChartLine } from "../../parts/chart-shape.ts";
import { Empty } from "../../parts/empty.tsx";
import { counted, fineNumber, wholeNumber } from "../../parts/numbers.ts";
import { ProblemNote } from "../../parts/problem.tsx";
import { Stat } from "../../parts/stat.tsx";
import { TimeAgo } from "../../parts/time-ago.tsx";
import { DiagnosisNote } from "./diagnosis.tsx";
import { useDeviceEvents } from "./events.tsx";
import { sessionQuery } from "./session-query.ts";
import { type Counting, countingOf, type Heard, heardOf } from "./signal.ts";
import { Values } from "./values.tsx";

/** What the device measures, and how well it is heard. */
export default function DeviceOverview({ devEui }: { readonly devEui: string }) {
  const session = useQuery(sessionQuery(devEui));
  const { events, past } = useDeviceEvents(devEui, { kinds: ["up"], limit: 300 });
  const heard = heardOf(events);
  const counting = countingOf(heard);
  if (past.isError) return <ProblemNote error={past.error} onRetry={() => void past.refetch()} />;
  if (past.isPending) return <Skeleton h={240} />;
  return (
    <Stack gap="xl">
      <DiagnosisNote devEui={devEui} />
      <Figures
        heard={heard}
        counting={counting}
        lastUplinkAt={session.data?.lastUplinkAt}
        hasSession={session.data != null}
      />
      {heard.length === 0 ? (
        <Empty icon={IconActivity} title="Not heard yet">
          {session.data == null
            ? "The device has to join first. Switch it on near a gateway, and look at its frames."
            : "It has a session, and nothing of it was heard that is still in the history."}
        </Empty>
      ) : (
        <>
          <Values devEui={devEui} decodedAt={events.find(({ content }) => content.object !== undefined)?.time} />
          <Signal heard={heard} />
          <Gaps counting={counting} />
        </>
      )}
    </Stack>
  );
}

interface FiguresProps {
  readonly heard: readonly Heard[];
  readonly counting: Counting;
  readonly lastUplinkAt: string | null | undefined;
  readonly hasSession: boolean;
}

function Figures({ heard, counting, lastUplinkAt, hasSession }: FiguresProps) {
  const last = heard.at(-1);
  const { missing, expected } = counting;
  return (
    <SimpleGrid cols={{ base: 2, sm: 3, lg: 5 }}>
      <Stat
        label="Last uplink"
        value={<TimeAgo time={lastUplinkAt ?? (last && new Date(last.timeMs).toISOString())} />}
      >
        {!hasSession && <Text size="xs">no session</Text>}
      </Stat>
      <Stat label="Signal" value={last?.rssi === undefined ? "–" : `${last.rssi} dBm`}>
        <Text size="xs" c="dimmed">
          SNR {last?.snr === undefined ? "–" : `${fineNumber(last.snr)} dB`}
        </Text>
      </Stat>
      <Stat label="Margin" value={last?.marginDb === undefined ? "–" : `${fineNumber(last.marginDb)} dB`}>
        <Text size="xs" c="dimmed">
          {last?.spreadingFactor === undefined ? "" : `above what SF${last.spreadingFactor} needs`}
        </Text>
      </Stat>
      <Stat label="Gateways" value={last?.gateways ?? "–"}>
        <Text size="xs" c="dimmed">
          heard the last uplink
        </Text>
      </Stat>
      <Stat label="Lost uplinks" value={wholeNumber(missing)}>
        <Text size="xs" c="dimmed">
          of the last {wholeNumber(expected)}
        </Text>
      </Stat>
    </SimpleGrid>
  );
}

const lineOf = (
  heard: readonly Heard[],
  label: string,
  color: string,
  pick: (heard: Heard) => number | undefined,
): ChartLine => ({
  label,
  color,
  values: heard.map(one => pick(one) ?? null),
});

function Signal({ heard }: { readonly heard: readonly Heard[] }) {
  const times = heard.map(({ timeMs }) => timeMs);
  return (
    <section>
      <Title order={2} size="h4" mb="sm">
        Signal
      </Title>
      <SimpleGrid cols={{ base: 1, md: 2 }}>
        <ChartCard title="RSSI">
          <Chart
            label="RSSI"
            times={times}
            unit="dBm"
            fromZero={false}
            lines={[lineOf(heard, "best gateway", "cyan", one => one.rssi)]}
          />
        </ChartCard>
        <ChartCard title="SNR and margin">
          <Chart
            label="SNR and margin"
            times={times}
            unit="dB"
            lines={[
              lineOf(heard, "SNR", "cyan", one => one.snr),
              lineOf(heard, "margin", "grape", one => one.marginDb),
            ]}
          />
        </ChartCard>
        <ChartCard title="Spreading factor">
          <Chart
            isWhole
            label="Spreading factor"
            times={times}
            fromZero={false}
            lines={[lineOf(heard, "spreading factor", "orange", one => one.spreadingFactor)]}
          />
        </ChartCard>
        <ChartCard title="Gateways">
          <Chart
            isWhole
            label="Gateways"
            times={times}
            lines={[lineOf(heard, "that heard it", "teal", one => one.gateways)]}
          />
        </ChartCard>
      </SimpleGrid>
    </section>
  );
}

function ChartCard({ title, children }: { readonly title: string; readonly children: ReactNode }) {
  return (
    <Paper withBorder p="sm" miw={0}>
      <Title order={3} size="h6" mb="xs">
        {title}
      </Title>
      {children}
    </Paper>
  );
}

const listedGaps = 10;

function Gaps({ counting: { gaps, missing } }: { readonly counting: Counting }) {
  return (
    <section>
      <Title order={2} size="h4" mb="sm">
        Gaps of the counter
      </Title>
      {gaps.length === 0 ? (
        <Text c="dimmed">None: every uplink that the counter tells of was heard.</Text>
      ) : (
        <>
          <Table aria-label="Gaps of the counter" maw={560} verticalSpacing={4}>
            <Table.Tbody className="numbers">
              {gaps.slice(0, listedGaps).map(({ from, to, missing: lost, timeMs }) => (
                <Table.Tr key={from}>
                  <Table.Td>{from === to ? `FCnt ${from}` : `FCnt ${from} to ${to}`}</Table.Td>
                  <Table.Td>{counted(lost, "uplink")}</Table.Td>
                  <Table.Td ta="right">
                    <TimeAgo time={new Date(timeMs).toISOString()} />
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
          {gaps.length > listedGaps && (
            <Group mt="xs">
              <Text size="sm" c="dimmed">
                and {gaps.length - listedGaps} more; {wholeNumber(missing)} uplinks in all
              </Text>
            </Group>
          )}
        </>
      )}
    </section>
  );
}
