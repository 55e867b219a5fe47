/**
 * A strict parser of Prometheus' text format 0.0.4: it rejects everything outside the specification.
 *
 * @module
 */
import assert from "node:assert/strict";

/** A family with its series by their names and labels as they are written. */
export interface ReadFamily {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: ReadonlyMap<string, number>;
}

const NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const LABEL = '[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\["\\\\n])*"';
const SAMPLE_REGEXP = new RegExp(
  `^(${NAME})(?:\\{(${LABEL}(?:,${LABEL})*)\\})? (-?[0-9.]+(?:e[+-]?[0-9]+)?|NaN|[+-]Inf)$`,
);
const HEAD_REGEXP = new RegExp(`^# (HELP|TYPE) (${NAME}) (.+)$`);
const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  counter: [""],
  gauge: [""],
  summary: ["_sum", "_count"],
  histogram: ["_bucket", "_sum", "_count"],
};

/** Parses a page. Throws with the line that is wrong. */
export function readExposition(page: string): ReadonlyMap<string, ReadFamily> {
  assert(page.endsWith("\n"), "the last line has no end");
  const families = new Map<string, ReadFamily & { samples: Map<string, number> }>();
  const lines = page.slice(0, -1).split("\n");
  let family: (ReadFamily & { samples: Map<string, number> }) | undefined;
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] ?? "";
    const [, kind, name = "", text = ""] = HEAD_REGEXP.exec(line) ?? [];
    if (kind === "HELP") {
      const [, typeKind, typeName, type = ""] = HEAD_REGEXP.exec(lines[++i] ?? "") ?? [];
      assert(typeKind === "TYPE" && typeName === name, `no TYPE after ${line}`);
      assert(type in SUFFIXES, `unknown type: ${lines[i]}`);
      assert(!families.has(name), `${name} comes twice`);
      family = { name, type, help: text, samples: new Map() };
      families.set(name, family);
      continue;
    }
    const sample = SAMPLE_REGEXP.exec(line);
    assert(sample !== null, `cannot be read: ${line}`);
    assert(family !== undefined, `no family for ${line}`);
    const [, sampleName = "", labels = "", value = ""] = sample;
    const suffix = sampleName.slice(family.name.length);
    assert(
      sampleName.startsWith(family.name) && SUFFIXES[family.type]?.includes(suffix),
      `not of ${family.name}: ${line}`,
    );
    const names = Array.from(labels.matchAll(/([a-zA-Z0-9_]+)="(?:[^"\\]|\\.)*"/g), ([, label]) => label);
    assert.equal(new Set(names).size, names.length, `a label comes twice: ${line}`);
    const key = labels === "" ? sampleName : `${sampleName}{${labels}}`;
    assert(!family.samples.has(key), `comes twice: ${line}`);
    family.samples.set(key, Number(value.replace("Inf", "Infinity")));
  }
  for (const { type, samples, name } of families.values()) {
    if (type === "histogram") checkHistogram(name, samples);
    if (type === "counter") { for (const value of samples.values()) assert(value >= 0, `${name} is negative`); }
  }
  return families;
}

/** Buckets rise, the last is for all, and there is a count and a sum. */
function checkHistogram(name: string, samples: ReadonlyMap<string, number>): void {
  const series = new Map<string, { bound: number; count: number }[]>();
  for (const [key, count] of samples) {
    const match = /^(.*)_bucket\{(?:(.*),)?le="([^"]*)"\}$/.exec(key);
    if (match === null) continue;
    const [, , labels = "", bound = ""] = match;
    const buckets = series.get(labels) ?? [];
    buckets.push({ bound: Number(bound.replace("+Inf", "Infinity")), count });
    series.set(labels, buckets);
  }
  for (const [labels, buckets] of series) {
    const braced = labels === "" ? "" : `{${labels}}`;
    for (const [i, { bound, count }] of buckets.entries()) {
      const before = buckets[i - 1] ?? { bound: -Infinity, count: 0 };
      assert(bound > before.bound && count >= before.count, `${name}${braced} falls at ${bound}`);
    }
    assert.equal(buckets.at(-1)?.bound, Infinity, `${name}${braced} has no +Inf`);
    assert.equal(samples.get(`${name}_count${braced}`), buckets.at(-1)?.count, `${name}${braced} does not add up`);
    assert(samples.has(`${name}_sum${braced}`), `${name}${braced} has no sum`);
  }
}

/** The rules of Prometheus' own linter for names, for families that no other server named first. */
export function checkNames(families: Iterable<ReadFamily>): void {
  for (const { name, type, help } of families) {
    assert(help.length > 0, `${name} has no help`);
    assert.equal(name.endsWith("_total"), type === "counter", `${name} is a ${type}`);
    assert.match(name, /^[a-z][a-z0-9_]*$/);
    assert.doesNotMatch(name, /_(?:ms|us|milliseconds|microseconds|kb|mb|kilobytes|info|count|sum|bucket)$/);
  }
}
