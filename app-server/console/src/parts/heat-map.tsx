import { Box, ScrollArea, Text } from "@mantine/core";
import classes from "./heat-map.module.css";
import { shortNumber, wholeNumber } from "./numbers.ts";
import type { Every } from "./time-range.tsx";

export interface HeatMapRow {
  readonly label: string;
  /** One for each column. */
  readonly values: readonly number[];
}

export interface HeatMapProps {
  readonly label: string;
  /** Unix time in milliseconds at which each column begins. */
  readonly times: readonly number[];
  readonly every: Every;
  readonly rows: readonly HeatMapRow[];
  readonly color?: string;
}

const formats = {
  hour: new Intl.DateTimeFormat(undefined, {
    day: "numeric",
    month: "short",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  }),
  day: new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" }),
};

/** How much of each sort there was when: the more, the darker. A table to those who cannot see it. */
export function HeatMap({ label, times, every, rows, color = "cyan" }: HeatMapProps) {
  const most = Math.max(1, ...rows.flatMap(({ values }) => values));
  const names = times.map(time => formats[every].format(time));
  return (
    <Box>
      <ScrollArea type="auto" viewportProps={{ tabIndex: 0, "aria-label": label }}>
        <table className={classes.map} aria-label={label}>
          <thead className={classes.unseen}>
            <tr>
              <th scope="col">Sort</th>
              {times.map((time, index) => (
                <th key={time} scope="col">
                  {names[index]}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(row => (
              <tr key={row.label}>
                <th scope="row">{row.label}</th>
                {times.map((time, index) => {
                  const value = row.values[index] ?? 0;
                  return (
                    <td key={time} title={`${names[index]}, ${row.label}: ${wholeNumber(value)}`}>
                      <Box
                        className={classes.cell}
                        style={{
                          background: `color-mix(in srgb, var(--mantine-color-${color}-6) ${strength(value, most)}%, transparent)`,
                        }}
                      >
                        <span className={classes.unseen}>{value}</span>
                      </Box>
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </ScrollArea>
      <Text size="xs" c="dimmed" mt={4}>
        {names[0]} to {names.at(-1)}; the darkest is {shortNumber(most)}
      </Text>
    </Box>
  );
}

/** By the root, so that a little is told from nothing beside a lot. */
const strength = (value: number, most: number): number => (value === 0 ? 0 : 15 + 85 * Math.sqrt(value / most));
