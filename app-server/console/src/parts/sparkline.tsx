/** The course of some numbers in the space of a word; what it shows is said in words beside it. */
export function Sparkline({ values, height = 28 }: { readonly values: readonly number[]; readonly height?: number }) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const range = high - low || 1;
  const points = values.map((value, index) => {
    const x = (100 * index) / Math.max(1, values.length - 1);
    return `${x.toFixed(2)},${(26 - (24 * (value - low)) / range).toFixed(2)}`;
  });
  return (
    <svg viewBox="0 0 100 28" preserveAspectRatio="none" width="100%" height={height} aria-hidden="true">
      <polyline
        points={points.join(" ")}
        fill="none"
        stroke="var(--mantine-color-cyan-6)"
        strokeWidth={1.5}
        vectorEffect="non-scaling-stroke"
        strokeLinejoin="round"
      />
    </svg>
  );
}
