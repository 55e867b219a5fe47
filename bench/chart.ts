/**
 * A chart as SVG: panels of bars or of columns, two beside each other. It follows the reader's light or dark scheme and needs no fonts or
 * scripts, so it shows as an image on a page.
 *
 * @module
 */

/** Who a bar stands for, by colour. */
export type Tone = "ours" | "variant" | "second" | "cpp" | "python" | "limit";

/** A number with how far it spreads, as a part of it. */
export interface Value {
  readonly value: number;
  readonly spread: number;
}

/** Bars below one another, each with its name. */
export interface BarPanel {
  readonly kind: "bars";
  readonly title: string;
  readonly note: string;
  readonly bars: readonly (Value & { readonly label: string; readonly tone: Tone })[];
}

/** Groups of columns beside one another, a column a series. */
export interface ColumnPanel {
  readonly kind: "columns";
  readonly title: string;
  readonly note: string;
  readonly groups: readonly string[];
  /** With a value a group, undefined where there is none. */
  readonly series: readonly {
    readonly label: string;
    readonly tone: Tone;
    readonly values: readonly (Value | undefined)[];
  }[];
  /** Where a line is drawn across. */
  readonly line?: { readonly at: number; readonly label: string };
  /** As wide as the chart. */
  readonly isWide?: boolean;
}

/** A part of a chart. */
export type Panel = BarPanel | ColumnPanel;

const WIDTH = 860;
const MARGIN = 16;
const PADDING = 14;
const HALF = (WIDTH - 3 * MARGIN) / 2;
const HEAD = 50;
const BAR = 22;
const BAR_NUMBER = 62;
const PLOT = 150;
/** About what a letter takes at 11 pixels. */
const LETTER = 6.6;

const LIGHT = {
  page: "#ffffff",
  panel: "#f6f8fa",
  text: "#1f2328",
  quiet: "#59636e",
  line: "#d1d9e0",
  ours: "#12805c",
  variant: "#8fd3b9",
  second: "#4fae8c",
  cpp: "#7a5cc0",
  python: "#d08b1d",
  limit: "#8a949e",
};

const DARK: typeof LIGHT = {
  page: "#0d1117",
  panel: "#161b22",
  text: "#f0f6fc",
  quiet: "#9198a1",
  line: "#3d444d",
  ours: "#2fbf8a",
  variant: "#1a5c46",
  second: "#238b67",
  cpp: "#a48ae8",
  python: "#e5b04b",
  limit: "#7d8690",
};

/** Draws panels in their order, those that are not wide two by two. */
export function drawChart(title: string, subtitle: string, panels: readonly Panel[]): string {
  const parts: string[] = [text(title, { x: MARGIN, y: 30, size: 18, weight: 600 })];
  parts.push(text(subtitle, { x: MARGIN, y: 50, size: 11, style: "quiet" }));
  let y = 66;
  for (const row of rowsOf(panels)) {
    const height = Math.max(...row.map(heightOf));
    for (const [i, panel] of row.entries()) {
      const width = isWide(panel) ? WIDTH - 2 * MARGIN : HALF;
      parts.push(drawPanel(panel, { x: MARGIN + i * (HALF + MARGIN), y, width, height }));
    }
    y += height + MARGIN;
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y}" viewBox="0 0 ${WIDTH} ${y}" ` +
    `font-family="-apple-system, 'Segoe UI', 'Noto Sans', Helvetica, Arial, 'DejaVu Sans', sans-serif" role="img">` +
    `<title>${escapeXml(title)}</title><style>${styles()}</style>` +
    `<rect class="page" width="${WIDTH}" height="${y}" rx="8"/>\n${parts.join("\n")}\n</svg>\n`;
}

/** Makes a text safe inside an element and inside a quoted attribute. */
export function escapeXml(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

/**
 * How far a scale must reach for values: to the greatest, unless it is more than three times the next, which would press all
 * others to nothing. Such a one is cut off.
 */
export function scaleReach(values: readonly number[]): number {
  const [greatest = 0, next = greatest] = values.toSorted((a, b) => b - a);
  return greatest > 3 * next ? 1.5 * next : greatest;
}

/** A round number at or above a value, for the top of a scale. */
export function scaleTop(value: number): number {
  if (!(value > 0)) return 1;
  const magnitude = 10 ** Math.floor(Math.log10(value));
  return magnitude * ([1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].find((step) => step * magnitude >= value) ?? 10);
}

/** A number as short as it can be said: `0.12`, `1.23`, `45.6`, `789`, `12.3k`. */
export function shortNumber(value: number): string {
  if (value >= 1_000_000) return `${Number((value / 1_000_000).toPrecision(3))}M`;
  if (value >= 10_000) return `${Number((value / 1000).toPrecision(3))}k`;
  return String(Number(value.toPrecision(value < 1 ? 2 : 3)));
}

interface Frame {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

function styles(): string {
  const rules = (colors: typeof LIGHT) =>
    Object.entries(colors).map(([name, color]) =>
      name === "line" ? `.line{stroke:${color}}` : `.${name}{fill:${color}}`
    );
  const strokes = (colors: typeof LIGHT) => `.mark{stroke:${colors.text}}`;
  return [...rules(LIGHT), strokes(LIGHT)].join("") +
    `@media (prefers-color-scheme:dark){${[...rules(DARK), strokes(DARK)].join("")}}`;
}

function isWide(panel: Panel): boolean {
  return panel.kind === "columns" && panel.isWide === true;
}

function rowsOf(panels: readonly Panel[]): Panel[][] {
  const rows: Panel[][] = [];
  for (const panel of panels) {
    const last = rows.at(-1);
    const hasRoom = last?.length === 1 && !last.some(isWide) && !isWide(panel);
    if (hasRoom) last.push(panel);
    else rows.push([panel]);
  }
  return rows;
}

function heightOf(panel: Panel): number {
  return panel.kind === "bars" ? HEAD + panel.bars.length * BAR + PADDING : HEAD + 22 + PLOT + 34;
}

function drawPanel(panel: Panel, frame: Frame): string {
  const { x, y, width, height } = frame;
  const parts = [`<rect class="panel" x="${x}" y="${y}" width="${width}" height="${height}" rx="6"/>`];
  parts.push(text(panel.title, { x: x + PADDING, y: y + 22, size: 13, weight: 600 }));
  parts.push(text(panel.note, { x: x + PADDING, y: y + 38, size: 11, style: "quiet" }));
  return [...parts, ...panel.kind === "bars" ? drawBars(panel, frame) : drawColumns(panel, frame)].join("\n");
}

function drawBars({ bars }: BarPanel, { x, y, width }: Frame): string[] {
  const labelWidth = Math.max(...bars.map(({ label }) => label.length)) * LETTER + 8;
  const room = width - 2 * PADDING - labelWidth - BAR_NUMBER;
  const top = scaleReach(bars.map(reach)) || 1;
  const length = (part: number) => Math.max(1, room * Math.min(1, part / top));
  return bars.flatMap(({ label, value, spread, tone }, i) => {
    const middle = y + HEAD + i * BAR + BAR / 2;
    const left = x + PADDING + labelWidth;
    const end = left + length(value * (1 + spread));
    const bar = { x: left, y: middle - 7, width: length(value), height: 14 };
    return [
      text(label, { x: left - 8, y: middle + 4, size: 11, anchor: "end" }),
      rect(tone, bar),
      ...value > top ? [cut(end - 14, middle)] : mark(left + length(base({ value, spread })), middle, end, middle),
      text(shortNumber(value), { x: end + 6, y: middle + 4, size: 11 }),
    ];
  });
}

function drawColumns({ groups, series, line }: ColumnPanel, { x, y, width }: Frame): string[] {
  const values = series.flatMap(({ values }) => values.map((value) => value === undefined ? 0 : reach(value)));
  const top = scaleTop(1.1 * Math.max(scaleReach(values), line?.at ?? 0));
  const left = x + PADDING + 34;
  const right = x + width - PADDING;
  const bottom = y + HEAD + 22 + PLOT;
  const height = (value: number) => PLOT * Math.min(value, top) / top;
  const parts = legend(series, { x: x + PADDING, y: y + HEAD + 4 });
  if (line !== undefined) {
    parts.push(text(`┄ ${line.label}`, { x: right, y: y + HEAD + 5, size: 11, anchor: "end", style: "quiet" }));
  }
  for (const part of [0, 0.5, 1]) {
    const at = bottom - PLOT * part;
    parts.push(`<path class="line" d="M${round(left)} ${round(at)}H${round(right)}" fill="none"/>`);
    parts.push(text(shortNumber(top * part), { x: left - 6, y: at + 4, size: 10, anchor: "end", style: "quiet" }));
  }
  const step = (right - left) / groups.length;
  const column = Math.min(34, (step - 14) / series.length);
  for (const [i, group] of groups.entries()) {
    const middle = left + step * (i + 0.5);
    parts.push(text(group, { x: middle, y: bottom + 18, size: 11, anchor: "middle" }));
    for (const [k, { tone, values }] of series.entries()) {
      const value = values[i];
      if (value === undefined) continue;
      const start = middle + (k - series.length / 2) * column;
      const center = start + column / 2;
      const head = bottom - height(reach(value));
      parts.push(
        rect(tone, { x: start + 1, y: bottom - height(value.value), width: column - 2, height: height(value.value) }),
      );
      parts.push(
        ...value.value > top ? [cut(center, head + 14)] : mark(center, bottom - height(base(value)), center, head),
      );
      const label = shortNumber(value.value);
      if (label.length * LETTER * 0.9 <= column + 6) {
        parts.push(text(label, { x: center, y: head - 4, size: 9.5, anchor: "middle" }));
      }
    }
  }
  if (line !== undefined) {
    const at = bottom - height(line.at);
    parts.push(
      `<path class="mark" d="M${round(left)} ${round(at)}H${round(right)}" fill="none" stroke-dasharray="4 3"/>`,
    );
  }
  return parts;
}

function legend(series: ColumnPanel["series"], { x, y }: { x: number; y: number }): string[] {
  let at = x;
  return series.flatMap(({ label, tone }) => {
    const parts = [
      rect(tone, { x: at, y: y - 8, width: 10, height: 10 }),
      text(label, { x: at + 14, y: y + 1, size: 11, style: "quiet" }),
    ];
    at += 30 + label.length * LETTER;
    return parts;
  });
}

/** Where the mark of a value's spread ends. */
function reach({ value, spread }: Value): number {
  return value * (1 + spread);
}

/** Where it begins: half a range may be more than the median is. */
function base({ value, spread }: Value): number {
  return Math.max(0, value * (1 - spread));
}

/** A thin line over the spread. */
function mark(x1: number, y1: number, x2: number, y2: number): string[] {
  if (Math.hypot(x2 - x1, y2 - y1) < 1) return [];
  return [`<path class="mark" d="M${round(x1)} ${round(y1)}L${round(x2)} ${round(y2)}" fill="none" opacity="0.7"/>`];
}

/** A gap in a bar that is longer than can be shown. */
function cut(x: number, y: number): string {
  return `<path class="panel" d="M${round(x - 20)} ${round(y + 3)}L${round(x + 20)} ${round(y - 9)}v5L${
    round(x - 20)
  } ${round(y + 8)}z"/>`;
}

function rect(tone: Tone, { x, y, width, height }: Frame): string {
  const size = `width="${round(width)}" height="${round(height)}"`;
  return `<rect class="${tone}" x="${round(x)}" y="${round(y)}" ${size} rx="2"/>`;
}

function text(
  content: string,
  { x, y, size, weight = 400, anchor = "start", style = "text" }: {
    x: number;
    y: number;
    size: number;
    weight?: number;
    anchor?: "start" | "middle" | "end";
    style?: "text" | "quiet";
  },
): string {
  return `<text class="${style}" x="${round(x)}" y="${round(y)}" font-size="${size}" font-weight="${weight}" ` +
    `text-anchor="${anchor}">${escapeXml(content)}</text>`;
}

function round(value: number): string {
  return String(Math.round(value * 10) / 10);
}
