/** How long to wait for copies, learnt from how late they have been. */
export interface WindowLength {
  lengthMs(): number;
  /** Lateness of a frame's last copy behind its first; 0 when there was one copy. */
  observe(latenessUs: number): void;
}

const sampleCount = 512;
const shortestMs = 3;
/** Recomputed after this many samples: sorting is not for every frame. */
const recomputeEvery = 64;

/**
 * 3 ms and half as long again as nearly all copies needed, up to the limit; the limit itself until enough has been seen. A
 * network of one gateway comes down to the shortest.
 */
export function createWindowLength(longestMs: number): WindowLength {
  const samplesMs = new Float64Array(sampleCount);
  let seen = 0;
  let lengthMs = longestMs;

  const recompute = (): void => {
    const sorted = samplesMs.slice(0, Math.min(seen, sampleCount)).sort();
    const nearlyAll = sorted[Math.floor(sorted.length * 0.995)] ?? 0;
    lengthMs = Math.min(longestMs, shortestMs + nearlyAll * 1.5);
  };

  return {
    lengthMs: () => lengthMs,
    observe(latenessUs) {
      samplesMs[seen % sampleCount] = Math.min(latenessUs / 1000, longestMs);
      seen += 1;
      if (seen >= 128 && seen % recomputeEvery === 0) recompute();
    },
  };
}
