/**
 * A bar chart as SVG: groups of bars, each with its number.
 *
 * @module
 */

/** Bars that stand together. */
export interface Group {
  readonly title: string;
  readonly bars: readonly { readonly label: string; readonly value: number }[];
}

const WIDTH = 760;
const BAR_HEIGHT = 16;
const LABEL_WIDTH = 150;
const COLORS = ["#0b6e4f", "#9aa5b1", "#c2c9d1", "#dde2e7"];

/** Draws groups below one another. Each group has its own scale: bars compare within it. */
export function drawChart(title: string, groups: readonly Group[]): string {
  const parts: string[] = [];
  let y = 44;
  for (const { title, bars } of groups) {
    parts.push(text(title, { x: 12, y, weight: "bold" }));
    y += 8;
    const longest = Math.max(...bars.map(({ value }) => value));
    for (const [i, { label, value }] of bars.entries()) {
      const width = Math.max(1, (WIDTH - LABEL_WIDTH - 110) * value / longest);
      const color = COLORS[Math.min(i, COLORS.length - 1)];
      parts.push(text(label, { x: 24, y: y + 13 }));
      parts.push(
        `<rect x="${LABEL_WIDTH}" y="${y}" width="${width.toFixed(1)}" height="${BAR_HEIGHT - 3}" fill="${color}"/>`,
      );
      parts.push(text(format(value), { x: LABEL_WIDTH + width + 6, y: y + 11 }));
      y += BAR_HEIGHT;
    }
    y += 24;
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y}" viewBox="0 0 ${WIDTH} ${y}" ` +
    `font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="#fff"/>` +
    `${text(title, { x: 12, y: 20, weight: "bold", size: 14 })}${parts.join("")}</svg>\n`;
}

function text(content: string, at: { x: number; y: number; weight?: string; size?: number }): string {
  const style = `font-weight="${at.weight ?? "normal"}" font-size="${at.size ?? 12}"`;
  const escaped = content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<text x="${at.x.toFixed(1)}" y="${at.y}" ${style}>${escaped}</text>`;
}

function format(value: number): string {
  return value >= 1000 ? Math.round(value).toLocaleString("en") : value.toPrecision(3);
}
