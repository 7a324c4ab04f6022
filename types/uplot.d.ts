/** What the studio uses of uPlot (`src/pellucid/studio/page/vendor/uplot`), which is JavaScript without types. */

/** Numbers by curve, the places across first; null where one is not known. */
export type Data = (number | null)[][];

/** The lowest and the highest number of an axis, from those of the data. */
export type Range = (plot: uPlot, low: number | null, high: number | null, scale: string) => [number, number];

export interface Axis {
  stroke?: string;
  font?: string;
  size?: number;
  grid?: { stroke?: string; width?: number };
  ticks?: { stroke?: string; width?: number };
  /** How far two marks may be apart. */
  incrs?: number[];
  values?: (plot: uPlot, splits: number[]) => string[];
}

export interface Series {
  label?: string;
  stroke?: string;
  width?: number;
  dash?: number[];
  spanGaps?: boolean;
  points?: { show?: boolean; size?: number };
  value?: (plot: uPlot, number: number | null) => string;
}

export interface Options {
  width: number;
  height: number;
  cursor?: { y?: boolean; points?: { size?: number } };
  legend?: { live?: boolean };
  scales?: Record<string, { time?: boolean; range?: Range }>;
  axes?: Axis[];
  /** The first is what lies across. */
  series: Series[];
}

export default class uPlot {
  constructor(options: Options, data: Data, place: HTMLElement);
  setData(data: Data): void;
  setSize(size: { width: number; height: number }): void;
  destroy(): void;
}
