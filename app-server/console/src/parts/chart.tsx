import { Box, Center, Skeleton, Text, VisuallyHidden } from "@mantine/core";
import { lazy, Suspense } from "react";
import type { ChartProps } from "./chart-shape.ts";
import { fineNumber, wholeNumber } from "./numbers.ts";

const Drawing = lazy(() => import("./chart-drawing.tsx"));

/** Under the drawing: what the lines are. */
const legendPx = 28;

/** Values over time. What draws it is loaded when there is something to draw. */
export function Chart(props: ChartProps) {
  const { height = 180, lines } = props;
  const isEmpty = lines.every(({ values }) => values.every(value => value === null));
  const isNone = props.isWhole === true && lines.every(({ values }) => values.every(value => value === 0));
  if (isEmpty || isNone) {
    return (
      <Center h={height + legendPx}>
        <Text size="sm" c="dimmed">
          {isNone ? "None in this time." : "Nothing was measured in this time."}
        </Text>
      </Center>
    );
  }
  return (
    <Box>
      <VisuallyHidden>{summaryOf(props)}</VisuallyHidden>
      <Box aria-hidden>
        <Suspense fallback={<Skeleton height={height + legendPx} />}>
          <Drawing {...props} height={height} />
        </Suspense>
      </Box>
    </Box>
  );
}

function summaryOf({ label, lines, unit = "" }: ChartProps): string {
  const parts = lines.map(({ label: name, values, as }) => {
    const known = values.filter(value => value !== null);
    const last = known.at(-1);
    if (last === undefined) return `${name}: nothing.`;
    const sum = known.reduce((so, value) => so + value, 0);
    const total = as === "bars" ? `${wholeNumber(sum)} in total, ` : "";
    const bounds = `from ${fineNumber(Math.min(...known))} to ${fineNumber(Math.max(...known))}, at last ${fineNumber(last)}`;
    return `${name}: ${total}${bounds} ${unit}.`.replace(" .", ".");
  });
  return `${label}. ${parts.join(" ")}`;
}
