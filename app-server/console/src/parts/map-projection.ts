/** Web Mercator, in parts of the world's width: both 0 to 1, y downwards. */
export function projected(latitude: number, longitude: number): { readonly x: number; readonly y: number } {
  const within = Math.max(-85, Math.min(85, latitude));
  const y = Math.log(Math.tan(Math.PI / 4 + (within * Math.PI) / 360)) / Math.PI;
  return { x: (longitude + 180) / 360, y: (1 - y) / 2 };
}

export function unprojected(x: number, y: number): { readonly latitude: number; readonly longitude: number } {
  const latitude = (Math.atan(Math.exp((1 - 2 * y) * Math.PI)) * 360) / Math.PI - 90;
  return { latitude, longitude: x * 360 - 180 };
}

/** What is seen of the world: its middle, and how many pixels the whole world would be wide. */
export interface View {
  readonly x: number;
  readonly y: number;
  readonly scale: number;
}

interface Place {
  readonly latitude: number;
  readonly longitude: number;
}

const leastScale = 256;
/** A street fills the map. */
export const greatestScale = 2 ** 26;

/** The view in which all places are. */
export function viewOf(places: readonly Place[], width: number, height: number): View {
  if (places.length === 0) return { x: 0.5, y: 0.4, scale: Math.max(leastScale, width) };
  const points = places.map(({ latitude, longitude }) => projected(latitude, longitude));
  const [xs, ys] = [points.map(({ x }) => x), points.map(({ y }) => y)];
  const bounds = { left: least(xs), right: most(xs), top: least(ys), bottom: most(ys) };
  const room = { width: Math.max(40, width - 120), height: Math.max(40, height - 80) };
  const scale = Math.min(
    room.width / Math.max(1e-9, bounds.right - bounds.left),
    room.height / Math.max(1e-9, bounds.bottom - bounds.top),
    // One place, or several in one street: some kilometres around them.
    2 ** 21,
  );
  return {
    x: (bounds.left + bounds.right) / 2,
    y: (bounds.top + bounds.bottom) / 2,
    scale: Math.max(leastScale, scale),
  };
}

// Spread arguments have a limit that a large installation would meet.
const least = (values: readonly number[]): number => values.reduce((so, value) => Math.min(so, value), Infinity);
const most = (values: readonly number[]): number => values.reduce((so, value) => Math.max(so, value), -Infinity);

const steps = [60, 30, 15, 10, 5, 2, 1, 0.5, 0.25, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001] as const;

/** Degrees between two lines of the grid, so that they are about 120 pixels apart. */
export const gridStep = ({ scale }: View): number =>
  steps.find(step => (step / 360) * scale <= 160) ?? steps[steps.length - 1] ?? 1;

const earthM = 40_075_017;
const lengthsM = [1, 2, 5]
  .flatMap(digit => [0, 1, 2, 3, 4, 5, 6].map(power => digit * 10 ** power))
  .sort((a, b) => b - a);

/** A round length and its pixels, for the scale in the corner. */
export function scaleBar({ y, scale }: View): { readonly metres: number; readonly pixels: number } {
  const { latitude } = unprojected(0.5, y);
  const metresPerPixel = (earthM * Math.cos((latitude * Math.PI) / 180)) / scale;
  const metres = lengthsM.find(length => length / metresPerPixel <= 120) ?? 1;
  return { metres, pixels: metres / metresPerPixel };
}
