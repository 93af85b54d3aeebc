export interface Position {
  readonly id: string;
  readonly label: string;
  readonly latitude: number;
  readonly longitude: number;
  /** Of Mantine: `teal`. */
  readonly color: string;
  /** Said beside the label: `online`. */
  readonly state?: string;
  /** A page of the console: `/gateways/0016c001f1000001`. */
  readonly to?: string;
}

export interface MapProps {
  readonly label: string;
  readonly positions: readonly Position[];
  readonly height?: number;
  /** Told of a place that is chosen with a click. */
  readonly onChoose?: (place: { readonly latitude: number; readonly longitude: number }) => void;
}
