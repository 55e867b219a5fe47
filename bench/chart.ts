/**
 * Draws reports as an SVG of bar panels, two side by side. The chart follows the reader's light or dark scheme and needs no fonts or scripts,
 * so it shows as an image on a page.
 *
 * @module
 */
import { type CaseReport, type Entry, type Figure, figureOf, type Middle } from "./report.ts";
import { formatNumber } from "./table.ts";

/** The panels: one figure of one case each. */
const PANELS: readonly { readonly name: string; readonly figure: Figure; readonly title: string }[] = [
  { name: "tiny", figure: "rate", title: "Trivial model, 256 in flight: requests/s" },
  { name: "tiny", figure: "cpuUs", title: "Trivial model, 256 in flight: CPU µs a request" },
  { name: "tiny-one", figure: "meanUs", title: "Trivial model, one at a time: mean latency, µs" },
  { name: "tiny-one", figure: "cpuUs", title: "Trivial model, one at a time: CPU µs a request" },
  { name: "image-1", figure: "cpuUs", title: "602 kB requests: CPU µs an image" },
  { name: "image-16", figure: "cpuUs", title: "9.6 MB requests: CPU µs an image" },
  { name: "resnet50v1-1", figure: "rate", title: "ResNet-50 v1, batch 1: images/s" },
  { name: "resnet50v1-16", figure: "rate", title: "ResNet-50 v1, batch 16: images/s" },
  { name: "resnet152v1-1", figure: "rate", title: "ResNet-152 v1, batch 1: images/s" },
  { name: "resnet152v1-16", figure: "rate", title: "ResNet-152 v1, batch 16: images/s" },
  { name: "batching-dense", figure: "rate", title: "64 rows in flight, milliseconds each: rows/s" },
  { name: "batching-mlp", figure: "rate", title: "64 rows in flight, microseconds each: rows/s" },
  { name: "start", figure: "startMs", title: "Start to first answer, ms" },
  { name: "start", figure: "residentMb", title: "Memory at rest, trivial model, MB" },
];

const WIDTH = 860;
const MARGIN = 16;
const HALF = (WIDTH - 3 * MARGIN) / 2;
const LABEL = 175;
const NUMBER = 60;
const HEAD = 30;
const BAR = 20;
const STYLE = `text{fill:#1f2328;font-size:11px}.page{fill:#fff}.panel{fill:#f6f8fa}.title{font-weight:600}` +
  `.ours{fill:#12805c}.peer{fill:#8a949e}.spread{stroke:#1f2328}@media(prefers-color-scheme:dark){text{fill:#f0f6fc}` +
  `.page{fill:#0d1117}.panel{fill:#161b22}.ours{fill:#2fbf8a}.peer{fill:#7d8690}.spread{stroke:#f0f6fc}}`;

/** Draws the panels whose cases are among the reports. */
export function drawChart(reports: readonly CaseReport[]): string {
  const panels = PANELS.flatMap(({ name, figure, title }) => {
    const entries = reports.find((report) => report.name === name)?.entries ?? [];
    const bars = entries.flatMap((entry) => {
      const middle = figureOf(entry, figure);
      return middle === undefined ? [] : [{ entry, middle }];
    });
    return bars.length === 0 ? [] : [{ title, bars }];
  });
  const parts: string[] = [];
  let y = MARGIN;
  for (let i = 0; i < panels.length; i += 2) {
    const row = panels.slice(i, i + 2);
    const height = HEAD + BAR * Math.max(...row.map(({ bars }) => bars.length));
    for (const [column, { title, bars }] of row.entries()) {
      const x = MARGIN + column * (HALF + MARGIN);
      parts.push(`<rect class="panel" x="${x}" y="${y}" width="${HALF}" height="${height}" rx="6"/>`);
      parts.push(text(title, { x: x + 10, y: y + 19, style: "title" }), drawBars(bars, { x: x + 10, y: y + HEAD }));
    }
    y += height + MARGIN;
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" width="${WIDTH}" height="${y}" ` +
    `font-family="-apple-system, 'Segoe UI', 'Noto Sans', Helvetica, Arial, sans-serif" role="img">` +
    `<title>ovserve beside its peers</title><style>${STYLE}</style>` +
    `<rect class="page" width="${WIDTH}" height="${y}"/>\n${parts.join("\n")}\n</svg>\n`;
}

/** Bars below one another, with name, number, and a line for the spread. */
function drawBars(
  bars: readonly { readonly entry: Entry; readonly middle: Middle }[],
  { x, y }: { x: number; y: number },
): string {
  const room = HALF - 20 - LABEL - NUMBER;
  const top = Math.max(...bars.map(({ middle }) => middle.value)) || 1;
  return bars.map(({ entry, middle }, i) => {
    const { value } = middle;
    // The spread of zeros is NaN.
    const spread = middle.spread || 0;
    const width = (part: number) => round(Math.min(room, Math.max(0, part) / top * room));
    const [barY, startX] = [y + i * BAR, x + LABEL];
    const [from, to] = [startX + width(value * (1 - spread)), startX + width(value * (1 + spread))].map(round);
    return text(entry.label, { x, y: barY + 11 }) +
      `<rect class="${entry.isPeer ? "peer" : "ours"}" x="${startX}" y="${barY}" width="${
        width(value)
      }" height="14"/>` +
      `<path class="spread" d="M${from} ${barY + 7}H${to}"/>` +
      text(formatNumber(value), { x: round(startX + width(value * Math.max(1, 1 + spread)) + 5), y: barY + 11 });
  }).join("\n");
}

function text(content: string, { x, y, style = "" }: { x: number; y: number; style?: string }): string {
  return `<text${style === "" ? "" : ` class="${style}"`} x="${x}" y="${y}">${escapeXml(content)}</text>`;
}

/** Makes a text safe inside an element and inside a quoted attribute. */
export function escapeXml(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
