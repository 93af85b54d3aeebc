import "maplibre-gl/dist/maplibre-gl.css";
import { Box } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { type GeoJSONSource, LngLatBounds, Map as MapLibre, NavigationControl, Popup, setWorkerUrl } from "maplibre-gl";
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?url";
import { useEffect, useRef } from "react";
import type { MapProps, Position } from "./map-shape.ts";

// From our own address: the page's policy runs nothing else, and no worker that a page makes of text.
setWorkerUrl(new URL(workerUrl, location.href).href);

export interface TileMapProps extends MapProps {
  readonly tilesUrl: string;
  /** The browser cannot draw it. */
  readonly onFail: () => void;
}

/** Positions over tiles of pictures; the part that needs the map library, loaded alone. */
export default function TileMap({ label, positions, height = 320, onChoose, tilesUrl, onFail }: TileMapProps) {
  const place = useRef<HTMLDivElement>(null);
  const drawn = useRef<MapLibre>(undefined);
  const navigate = useNavigate();
  const latest = useRef({ positions, onChoose, onFail, navigate });
  latest.current = { positions, onChoose, onFail, navigate };

  useEffect(() => {
    if (place.current === null) return;
    let map: MapLibre;
    try {
      map = new MapLibre({ container: place.current, style: styleOf(tilesUrl), ...startOf(latest.current.positions) });
    } catch {
      return latest.current.onFail();
    }
    drawn.current = map;
    map.addControl(new NavigationControl({ showCompass: false }), "top-right");
    const popup = new Popup({ closeButton: false, closeOnClick: false });
    map.on("load", () => {
      map.addSource("positions", { type: "geojson", data: featuresOf(latest.current.positions) });
      map.addLayer({ id: "positions", type: "circle", source: "positions", paint: circles });
    });
    map.on("mousemove", "positions", ({ features, lngLat }) => {
      map.getCanvas().style.cursor = "pointer";
      popup
        .setLngLat(lngLat)
        .setText(String(features?.[0]?.properties.name ?? ""))
        .addTo(map);
    });
    map.on("mouseleave", "positions", () => {
      map.getCanvas().style.cursor = "";
      popup.remove();
    });
    map.on("click", event => {
      const { lat, lng } = event.lngLat;
      const [feature] = map.getLayer("positions")
        ? map.queryRenderedFeatures(event.point, { layers: ["positions"] })
        : [];
      const to: unknown = feature?.properties.to;
      if (typeof to === "string" && to !== "") void latest.current.navigate({ to });
      else latest.current.onChoose?.({ latitude: lat, longitude: lng });
    });
    return () => {
      drawn.current = undefined;
      map.remove();
    };
  }, [tilesUrl]);
  useEffect(() => {
    drawn.current?.getSource<GeoJSONSource>("positions")?.setData(featuresOf(positions));
  }, [positions]);

  return <Box ref={place} h={height} bdrs="md" role="region" aria-label={label} style={{ overflow: "hidden" }} />;
}

const styleOf = (tilesUrl: string) => ({
  version: 8 as const,
  sources: { tiles: { type: "raster" as const, tiles: [tilesUrl], tileSize: 256, maxzoom: 19 } },
  layers: [
    { id: "ground", type: "background" as const, paint: { "background-color": "#dee2e6" } },
    { id: "tiles", type: "raster" as const, source: "tiles" },
  ],
});

const circles = {
  "circle-radius": 7,
  "circle-color": ["get", "color"] as ["get", string],
  "circle-stroke-color": "#ffffff",
  "circle-stroke-width": 2,
};

function startOf(positions: readonly Position[]) {
  if (positions.length === 0) return { center: [10, 30] as [number, number], zoom: 1 };
  const bounds = new LngLatBounds();
  for (const { latitude, longitude } of positions) bounds.extend([longitude, latitude]);
  return { bounds, fitBoundsOptions: { padding: 50, maxZoom: 13 } };
}

function featuresOf(positions: readonly Position[]) {
  const style = getComputedStyle(document.documentElement);
  return {
    type: "FeatureCollection" as const,
    features: positions.map(({ label, state, to, color, latitude, longitude }) => ({
      type: "Feature" as const,
      geometry: { type: "Point" as const, coordinates: [longitude, latitude] },
      properties: {
        name: state === undefined ? label : `${label}, ${state}`,
        to: to ?? "",
        color: style.getPropertyValue(`--mantine-color-${color}-6`),
      },
    })),
  };
}
