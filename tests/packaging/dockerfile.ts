/**
 * A Dockerfile as far as tests need it: its stages and their instructions.
 *
 * @module
 */

/** One instruction: `COPY`, with what stands behind it. */
export interface Instruction {
  readonly name: string;
  readonly text: string;
}

/** What one `FROM` begins. */
export interface Stage {
  readonly image: string;
  readonly instructions: readonly Instruction[];
}

/** What a `COPY` copies. */
export interface Copy {
  /** The stage it copies from; undefined for the files around the Dockerfile. */
  readonly from: string | undefined;
  readonly sources: readonly string[];
  readonly destination: string;
}

/** Reads a Dockerfile without here-documents and other escape characters. */
export function parseDockerfile(text: string): Stage[] {
  const lines = text.split("\n").filter((line) => !/^\s*(#|$)/.test(line)).join("\n").replaceAll(/\\\n\s*/g, "").split(
    "\n",
  );
  const stages: { image: string; instructions: Instruction[] }[] = [];
  for (const line of lines) {
    const [, name = "", rest = ""] = /^(\w+)\s+(.*)$/.exec(line) ?? [];
    if (name === "FROM") stages.push({ image: rest, instructions: [] });
    else stages.at(-1)?.instructions.push({ name, text: rest });
  }
  return stages;
}

/** The texts of the instructions of one name. */
export function textsOf({ instructions }: Stage, name: string): string[] {
  return instructions.filter((instruction) => instruction.name === name).map(({ text }) => text);
}

/** The list of an instruction in its JSON form: `ENTRYPOINT ["ovserve"]`. The last one counts. */
export function listOf(stage: Stage, name: string): string[] {
  const text = textsOf(stage, name).at(-1) ?? "[]";
  return JSON.parse(text.slice(text.indexOf("[")));
}

/** Reads what stands behind `COPY`. */
export function parseCopy(text: string): Copy {
  const words = text.split(/\s+/);
  const option = words[0]?.startsWith("--from=") ? words.shift() : undefined;
  const destination = words.pop() ?? "";
  return { from: option?.slice("--from=".length), sources: words, destination };
}
