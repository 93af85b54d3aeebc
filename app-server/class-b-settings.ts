/** What a device profile says of class B. */
export interface ClassBSettings {
  readonly supportsClassB: boolean;
  readonly classBTimeoutSeconds: number;
  /** What its devices use until they or the network say otherwise; null: what they say, and the region's own. */
  readonly classBPingSlotPeriodicity: number | null;
  readonly classBPingSlotDataRate: number | null;
  readonly classBPingSlotFrequencyHz: number | null;
}
