import { Skeleton } from "@mantine/core";
import { lazy, Suspense, useState } from "react";
import type { MapProps } from "./map-shape.ts";
import { PlainMap } from "./plain-map.tsx";

const TileMap = lazy(() => import("./tile-map.tsx"));

/** Where the server's configuration has maps get their background; empty: nowhere. */
const tilesUrl = document.querySelector<HTMLMetaElement>("meta[name=map-tiles]")?.content ?? "";

/** Positions on a map: over tiles where the configuration names some and the browser can draw them, else over a grid. */
export function PositionMap(props: MapProps) {
  const { height = 320 } = props;
  const [isPlain, setPlain] = useState(tilesUrl === "");
  if (isPlain) return <PlainMap {...props} height={height} />;
  return (
    <Suspense fallback={<Skeleton height={height} />}>
      <TileMap {...props} height={height} tilesUrl={tilesUrl} onFail={() => setPlain(true)} />
    </Suspense>
  );
}
