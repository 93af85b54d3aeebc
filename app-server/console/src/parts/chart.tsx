import { Box, Skeleton, VisuallyHidden } from "@mantine/core";
import { lazy, Suspense } from "react";
import type { ChartProps } from "./chart-shape.ts";
import { fineNumber, wholeNumber } from "./numbers.ts";

const Drawing = lazy(() => import("./chart-drawing.tsx"));

/** Values over time. What draws it is loaded when there is something to draw. */
export function Chart(props: ChartProps) {
  const { height = 180 } = props;
  return (
    <Box>
      <VisuallyHidden>{summaryOf(props)}</VisuallyHidden>
      <Box aria-hidden>
        <Suspense fallback={<Skeleton height={height + 28} />}>
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
