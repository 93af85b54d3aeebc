import { Box, Group, Text, useComputedColorScheme } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import { useEffect, useRef, useState } from "react";
import UPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { ChartLine, ChartProps } from "./chart-shape.ts";
import { scaleNumber, valueNumber } from "./numbers.ts";

const dayS = 86_400;
const hourS = 3_600;
const clockTime = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const clockTimeS = new Intl.DateTimeFormat(undefined, { timeStyle: "medium", hourCycle: "h23" });
const date = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const moment = new Intl.DateTimeFormat(undefined, {
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});

/** The part of a chart that needs the drawing library; a file of its own, so that it is loaded alone. */
export default function ChartDrawing(props: ChartProps) {
  const { times, lines, height = 180, unit, fromZero = true, isWhole = false } = props;
  const scheme = useComputedColorScheme();
  const { ref: box, width } = useElementSize();
  const place = useRef<HTMLDivElement>(null);
  const drawn = useRef<UPlot>(undefined);
  const [index, setIndex] = useState<number>();
  const shape = JSON.stringify(lines.map(({ label, color, as, isFaint }) => [label, color, as, isFaint]));
  const latest = useRef(props);
  latest.current = props;

  // biome-ignore lint/correctness/useExhaustiveDependencies: the colours of a scheme are in the page's style.
  useEffect(() => {
    const target = place.current;
    if (target === null || width === 0) return;
    const options = optionsOf(latest.current.lines, { width, height, fromZero, isWhole, setIndex });
    const plot = new UPlot(options, dataOf(latest.current), target);
    drawn.current = plot;
    return () => {
      drawn.current = undefined;
      plot.destroy();
    };
  }, [shape, width, height, scheme, fromZero, isWhole]);
  useEffect(() => drawn.current?.setData(dataOf({ times, lines })), [times, lines]);

  const at = index === undefined ? undefined : times[index];
  return (
    <Box ref={box}>
      <div ref={place} style={{ height }} />
      <Group gap="md" mt={4} mih={20}>
        {lines.map(({ label, color, values }) => (
          <Text key={label} size="xs" className="numbers">
            <Swatch color={color} />
            {label}
            {index !== undefined && ` ${valueText(values[index], unit)}`}
          </Text>
        ))}
        {at !== undefined && (
          <Text size="xs" c="dimmed" ml="auto">
            {moment.format(at)}
          </Text>
        )}
      </Group>
    </Box>
  );
}

const Swatch = ({ color }: { readonly color: string }) => (
  <Box
    component="span"
    display="inline-block"
    w={10}
    h={10}
    mr={6}
    bdrs={3}
    style={{ background: `var(--mantine-color-${color}-6)` }}
  />
);

const valueText = (value: number | null | undefined, unit = ""): string =>
  value === null || value === undefined ? "–" : `${valueNumber(value)} ${unit}`.trim();

const dataOf = ({ times, lines }: Pick<ChartProps, "times" | "lines">): UPlot.AlignedData => [
  times.map(time => time / 1000),
  ...lines.map(({ values }) => [...values]),
];

interface Drawing {
  readonly width: number;
  readonly height: number;
  readonly fromZero: boolean;
  readonly isWhole: boolean;
  readonly setIndex: (index: number | undefined) => void;
}

function optionsOf(
  lines: readonly ChartLine[],
  { width, height, fromZero, isWhole, setIndex }: Drawing,
): UPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string): string => style.getPropertyValue(`--mantine-color-${name}`);
  const text = colour("dimmed");
  const grid = { stroke: colour("default-border"), width: 1 };
  const font = "12px system-ui, sans-serif";
  const axis = { stroke: text, grid, ticks: { show: false }, font };
  return {
    width,
    height,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
    // Half of the last moment's name is right of it.
    padding: [8, 28, 0, 0],
    scales: { y: { range: (_plot, low, high) => rangeOf(low, high, fromZero) } },
    axes: [
      {
        ...axis,
        size: 28,
        space: 64,
        values: (_plot, splits, _axis, _space, step) => splits.map(split => timeText(split, step)),
      },
      {
        ...axis,
        size: 52,
        values: (_plot, splits, _axis, _space, step) => splits.map(split => scaleNumber(split, step)),
        ...(isWhole && { incrs: wholeSteps }),
      },
    ],
    series: [{}, ...lines.map(line => seriesOf(line, colour(`${line.color}-6`)))],
    hooks: { setCursor: [({ cursor }) => setIndex(cursor.idx ?? undefined)] },
  };
}

function seriesOf({ label, as = "line", isFaint = false }: ChartLine, stroke: string): UPlot.Series {
  const bars = UPlot.paths.bars?.({ size: [0.8, 36], radius: 0.15 });
  if (as === "bars" && bars) {
    return { label, stroke, fill: stroke, width: 0, paths: bars, points: { show: false } };
  }
  return {
    label,
    stroke,
    width: isFaint ? 1 : 2,
    ...(isFaint && { dash: [4, 4] }),
    // A value between two gaps would be a line of no length.
    points: { size: 4, fill: stroke, ...(isFaint && { show: false }) },
  };
}

const wholeSteps = Array.from({ length: 13 }, (_, power) => [1, 2, 5].map(step => step * 10 ** power)).flat();

/** With some air above; a scale of one value has a place in it all the same. */
function rangeOf(low: number | null, high: number | null, fromZero: boolean): [number, number] {
  if (low === null || high === null) return [0, 1];
  if (fromZero && low >= 0) return [0, Math.max(1, high * 1.08)];
  const bottom = fromZero ? Math.min(0, low) : low;
  const air = (high - bottom || Math.abs(high) || 1) * 0.08;
  return [bottom - air, high + air];
}

const timeText = (seconds: number, step: number): string => {
  const at = new Date(seconds * 1000);
  const isMidnight = at.getHours() === 0 && at.getMinutes() === 0;
  if (step >= dayS || (isMidnight && step >= hourS)) return date.format(at);
  return (step < 60 ? clockTimeS : clockTime).format(at);
};
