import { ActionIcon, Box, Stack } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import { IconFocusCentered, IconMinus, IconPlus } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { type PointerEvent, useRef, useState } from "react";
import { greatestScale, gridStep, projected, scaleBar, unprojected, type View, viewOf } from "./map-projection.ts";
import type { MapProps, Position } from "./map-shape.ts";
import classes from "./plain-map.module.css";

/** Positions over lines of latitude and longitude: needs no network, no tiles and no graphics card. */
export function PlainMap({ label, positions, height = 320, onChoose }: MapProps) {
  const { ref, width } = useElementSize();
  const [moved, setMoved] = useState<View>();
  const drag = useRef<{ readonly x: number; readonly y: number; readonly view: View }>(undefined);
  const view = moved ?? viewOf(positions, width, height);
  const zoom = (factor: number): void =>
    setMoved({ ...view, scale: Math.min(greatestScale, Math.max(256, view.scale * factor)) });
  const pixel = ({ x, y }: { readonly x: number; readonly y: number }) => ({
    x: width / 2 + (x - view.x) * view.scale,
    y: height / 2 + (y - view.y) * view.scale,
  });
  const follow = (event: PointerEvent): void => {
    const from = drag.current;
    if (from === undefined) return;
    const [dx, dy] = [event.clientX - from.x, event.clientY - from.y];
    setMoved({ ...from.view, x: from.view.x - dx / view.scale, y: from.view.y - dy / view.scale });
  };
  const choose = (event: PointerEvent<SVGSVGElement>): void => {
    const from = drag.current;
    drag.current = undefined;
    if (from === undefined || onChoose === undefined) return;
    if (Math.hypot(event.clientX - from.x, event.clientY - from.y) > 4) return;
    const { left, top } = event.currentTarget.getBoundingClientRect();
    const x = view.x + (event.clientX - left - width / 2) / view.scale;
    onChoose(unprojected(x, view.y + (event.clientY - top - height / 2) / view.scale));
  };
  return (
    <Box ref={ref} className={classes.frame} h={height}>
      {width > 0 && (
        <svg
          width={width}
          height={height}
          role="application"
          aria-label={label}
          onPointerDown={event => {
            drag.current = { x: event.clientX, y: event.clientY, view };
          }}
          onPointerMove={follow}
          onPointerUp={choose}
          onPointerLeave={() => {
            drag.current = undefined;
          }}
        >
          <Grid view={view} width={width} height={height} />
          {positions.map(position => (
            <Mark key={position.id} position={position} at={pixel(projected(position.latitude, position.longitude))} />
          ))}
          <ScaleBar view={view} width={width} height={height} />
        </svg>
      )}
      <Stack gap={4} className={classes.buttons}>
        <ActionIcon variant="default" aria-label="Zoom in" onClick={() => zoom(2)}>
          <IconPlus size={16} />
        </ActionIcon>
        <ActionIcon variant="default" aria-label="Zoom out" onClick={() => zoom(0.5)}>
          <IconMinus size={16} />
        </ActionIcon>
        <ActionIcon variant="default" aria-label="Show all" onClick={() => setMoved(undefined)}>
          <IconFocusCentered size={16} />
        </ActionIcon>
      </Stack>
    </Box>
  );
}

interface Point {
  readonly x: number;
  readonly y: number;
}

function Mark({ position, at }: { readonly position: Position; readonly at: Point }) {
  const { label, state, color, to } = position;
  const name = state === undefined ? label : `${label}, ${state}`;
  const dot = (
    <circle cx={at.x} cy={at.y} r={7} fill={`var(--mantine-color-${color}-6)`} className={classes.mark}>
      <title>{name}</title>
    </circle>
  );
  return to === undefined ? (
    dot
  ) : (
    <Link to={to} aria-label={name}>
      {dot}
    </Link>
  );
}

interface Frame {
  readonly view: View;
  readonly width: number;
  readonly height: number;
}

const degrees = (value: number, [positive, negative]: readonly [string, string]): string =>
  `${Number(Math.abs(value).toFixed(3))}° ${value < 0 ? negative : positive}`;

function Grid({ view, width, height }: Frame) {
  const step = gridStep(view);
  const topLeft = unprojected(view.x - width / 2 / view.scale, view.y - height / 2 / view.scale);
  const bottomRight = unprojected(view.x + width / 2 / view.scale, view.y + height / 2 / view.scale);
  const multiples = (from: number, to: number): readonly number[] =>
    Array.from({ length: Math.max(0, Math.min(60, Math.floor((to - from) / step) + 2)) }, (_, index) =>
      Number((Math.ceil(from / step) * step + index * step).toFixed(6)),
    );
  return (
    <g className={classes.grid} aria-hidden>
      {multiples(topLeft.longitude, bottomRight.longitude).map(longitude => {
        const x = width / 2 + (projected(0, longitude).x - view.x) * view.scale;
        return (
          <g key={longitude}>
            <line x1={x} x2={x} y1={0} y2={height} />
            <text x={x + 4} y={height - 6}>
              {degrees(longitude, ["E", "W"])}
            </text>
          </g>
        );
      })}
      {multiples(Math.max(-85, bottomRight.latitude), Math.min(85, topLeft.latitude)).map(latitude => {
        const y = height / 2 + (projected(latitude, 0).y - view.y) * view.scale;
        return (
          <g key={latitude}>
            <line x1={0} x2={width} y1={y} y2={y} />
            <text x={4} y={y - 4}>
              {degrees(latitude, ["N", "S"])}
            </text>
          </g>
        );
      })}
    </g>
  );
}

/** On the right, since the names of latitudes are on the left. */
function ScaleBar({ view, width, height }: Frame) {
  const { metres, pixels } = scaleBar(view);
  const end = width - 12;
  return (
    <g className={classes.bar} aria-hidden>
      <line x1={end - pixels} x2={end} y1={height - 28} y2={height - 28} />
      <text x={end} y={height - 34} textAnchor="end">
        {metres >= 1000 ? `${metres / 1000} km` : `${metres} m`}
      </text>
    </g>
  );
}
