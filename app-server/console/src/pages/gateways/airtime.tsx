import { Group, Progress, Skeleton, Stack, Text } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import { IconBroadcast } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { dataOf, type Schemas } from "../../../../../client/client.ts";
import { api } from "../../api/queries.ts";
import { frequencyText } from "../../api/radio.ts";
import { Empty } from "../../parts/empty.tsx";
import { fineNumber } from "../../parts/numbers.ts";
import { Panel } from "../../parts/panel.tsx";
import { ProblemNote } from "../../parts/problem.tsx";

type Airtime = Schemas["GatewayAirtime"];

/** What the gateway sent in the last hour, against what it may. */
export function AirtimePanel({ gatewayId }: { readonly gatewayId: string }) {
  const airtime = useQuery({
    queryKey: ["gateways", gatewayId, "airtime"],
    queryFn: async () =>
      dataOf(await api.GET("/api/gateways/{gatewayId}/airtime", { params: { path: { gatewayId } } })),
    refetchInterval: 10_000,
  });
  if (airtime.isError) return <ProblemNote error={airtime.error} onRetry={() => void airtime.refetch()} />;
  if (airtime.isPending) return <Skeleton h={200} />;
  const { data } = airtime;
  if (data.transmissions.length === 0) {
    return (
      <Empty icon={IconBroadcast} title="It sent nothing in the last hour">
        Each downlink takes from the time that the gateway may send in a sub-band.
      </Empty>
    );
  }
  return (
    <Stack>
      {!data.isWhole && <Text c="orange">It sent more than is looked through here: the sums are too small.</Text>}
      <Panel title="Budget of the last hour">
        <SubBands airtime={data} />
      </Panel>
      <Panel title="Downlinks of the last hour">
        <Timeline airtime={data} />
      </Panel>
    </Stack>
  );
}

const seconds = (ms: number): string => `${fineNumber(ms / 1000)} s`;
const percent = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 1 });

function SubBands({ airtime: { subBands, otherAirtimeMs } }: { readonly airtime: Airtime }) {
  return (
    <Stack gap="sm">
      {subBands.map(({ fromHz, toHz, dutyCycle, airtimeMs, budgetMs }) => {
        const share = airtimeMs / budgetMs;
        const name = `${frequencyText(fromHz).replace(" MHz", "")}–${frequencyText(toHz)}`;
        return (
          <div key={fromHz}>
            <Group justify="space-between" gap="xs">
              <Text size="sm">
                {name}{" "}
                <Text span c="dimmed" size="xs">
                  {dutyCycle < 1 ? percent.format(dutyCycle) : "no limit"}
                </Text>
              </Text>
              <Text size="sm" className="numbers">
                {seconds(airtimeMs)}
                {dutyCycle < 1 && ` of ${seconds(budgetMs)}`}
              </Text>
            </Group>
            {dutyCycle < 1 && (
              <Progress
                value={Math.min(100, 100 * share)}
                color={share > 0.9 ? "red" : share > 0.7 ? "orange" : "teal"}
                size="lg"
                aria-label={`Used of ${name}`}
              />
            )}
          </div>
        );
      })}
      {otherAirtimeMs > 0 && <Text size="sm">Elsewhere: {seconds(otherAirtimeMs)}</Text>}
    </Stack>
  );
}

const rowPx = 24;
const namePx = 90;
const hourMs = 3_600_000;
const time = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

/** Each downlink where it was in time, one row for each frequency. */
function Timeline({ airtime: { transmissions, since } }: { readonly airtime: Airtime }) {
  const { ref, width } = useElementSize();
  const fromMs = Date.parse(since);
  const frequencies = [...new Set(transmissions.map(({ frequency }) => frequency))].sort((one, other) => one - other);
  const room = Math.max(0, width - namePx);
  const label = `${transmissions.length} downlinks on ${frequencies.length} frequencies`;
  return (
    <div ref={ref}>
      {room > 0 && (
        <svg width={width} height={frequencies.length * rowPx + 4} role="img" aria-label={label}>
          {frequencies.map((frequency, row) => (
            <g key={frequency} transform={`translate(0 ${row * rowPx})`}>
              <text y={16} fontSize={12} fill="var(--mantine-color-dimmed)">
                {frequencyText(frequency)}
              </text>
              <line x1={namePx} x2={width} y1={12} y2={12} stroke="var(--mantine-color-default-border)" />
              {transmissions
                .filter(sent => sent.frequency === frequency)
                .map(sent => (
                  <rect
                    key={`${sent.time} ${sent.window}`}
                    x={namePx + ((Date.parse(sent.time) - fromMs) / hourMs) * room}
                    y={4}
                    width={Math.max(2, (sent.durationMs / hourMs) * room)}
                    height={16}
                    rx={1}
                    fill={`var(--mantine-color-${colors[sent.window] ?? "grape"}-6)`}
                  >
                    <title>{`${time.format(new Date(sent.time))}, ${sent.window}, ${fineNumber(sent.durationMs)} ms`}</title>
                  </rect>
                ))}
            </g>
          ))}
        </svg>
      )}
      <Text size="xs" c="dimmed" mt={4}>
        {time.format(fromMs)} to now. RX1 is{" "}
        <Text span c="cyan" inherit>
          cyan
        </Text>
        , RX2 orange, class B and C violet.
      </Text>
    </div>
  );
}

const colors: Readonly<Record<string, string>> = { RX1: "cyan", RX2: "orange" };
