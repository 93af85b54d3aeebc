import { Box, ScrollArea } from "@mantine/core";
import classes from "./heat-map.module.css";
import { shortNumber, wholeNumber } from "./numbers.ts";

export interface HeatMapRow {
  readonly label: string;
  /** One for each column. */
  readonly values: readonly number[];
}

export interface HeatMapProps {
  readonly label: string;
  readonly columns: readonly string[];
  readonly rows: readonly HeatMapRow[];
}

/** How much of each pair of sorts there was: the more, the darker. */
export function HeatMap({ label, columns, rows }: HeatMapProps) {
  const most = Math.max(1, ...rows.flatMap(({ values }) => values));
  return (
    <ScrollArea type="auto" viewportProps={{ tabIndex: 0, "aria-label": label }}>
      <table className={classes.map} aria-label={label}>
        <thead>
          <tr>
            <td />
            {columns.map(column => (
              <th key={column} scope="col">
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(row => (
            <tr key={row.label}>
              <th scope="row">{row.label}</th>
              {columns.map((column, index) => {
                const value = row.values[index] ?? 0;
                return (
                  <td key={column} title={`${row.label}, ${column}: ${wholeNumber(value)}`}>
                    <Box
                      className={classes.cell}
                      style={{
                        background: `color-mix(in srgb, var(--mantine-color-cyan-6) ${strength(value, most)}%, transparent)`,
                      }}
                    >
                      {value === 0 ? "" : shortNumber(value)}
                    </Box>
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </ScrollArea>
  );
}

/** By the root, so that a little is told from nothing beside a lot; never so dark that the number cannot be read. */
const strength = (value: number, most: number): number => (value === 0 ? 0 : 8 + 52 * Math.sqrt(value / most));
