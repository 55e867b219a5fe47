/**
 * The clients of tests/transport/interop, as installations: each is built into `.ovserve/tools` with its own language's tools.
 *
 * @module
 */
import { dirname } from "node:path";
import type { Installation, Lane } from "./installation.ts";
import { exists, type Finished, lastLine, ROOT, run, TaskError } from "./shell.ts";
import { installPackages, TOOLS } from "./tools.ts";

const SOURCES = `${ROOT}tests/transport/interop`;

/** npm packages with their exact versions, the same as in deno.json. */
const NODE_PACKAGES = ["@grpc/grpc-js@1.14.7", "@grpc/proto-loader@0.8.1"];

const CPP_PACKAGES = ["g++", "libgrpc++-dev", "libprotobuf-dev", "protobuf-compiler", "protobuf-compiler-grpc"];

/** A client and how it is built. */
interface Build {
  readonly client: string;
  readonly lane: Lane;
  /** A file that is newer than the sources once the build has succeeded. */
  readonly output: string;
  readonly sources: readonly string[];
  readonly steps: readonly Step[];
  /** Debian packages to install when a step fails, because a program or header may be missing. */
  readonly packages?: readonly string[];
}

interface Step {
  readonly program: string;
  readonly args: readonly string[];
}

const BUILDS: readonly Build[] = [
  {
    client: "grpc-go",
    lane: "go",
    output: `${TOOLS}/interop-go`,
    sources: ["go/main.go", "go/go.mod", "go/go.sum"],
    steps: [{
      program: "go",
      args: ["build", "-C", `${SOURCES}/go`, "-trimpath", "-ldflags=-s -w", "-o", `${TOOLS}/interop-go`, "."],
    }],
  },
  {
    client: "grpc-java",
    lane: "maven",
    output: `${TOOLS}/interop-java/Client.class`,
    sources: ["java/Client.java", "java/pom.xml"],
    steps: [
      {
        program: "mvn",
        args: [
          ...["--quiet", "--batch-mode", "--file", `${SOURCES}/java/pom.xml`, "dependency:copy-dependencies"],
          `-DoutputDirectory=${TOOLS}/interop-java/lib`,
        ],
      },
      {
        program: "javac",
        args: [
          ...["-encoding", "UTF-8", "-cp", `${TOOLS}/interop-java/lib/*`, "-d", `${TOOLS}/interop-java`],
          `${SOURCES}/java/Client.java`,
        ],
      },
    ],
  },
  {
    client: "grpc-js on Node",
    lane: "npm",
    output: `${TOOLS}/interop-node/package-lock.json`,
    sources: [],
    steps: [{
      program: "npm",
      args: ["install", "--silent", "--no-audit", "--no-fund", "--prefix", `${TOOLS}/interop-node`, ...NODE_PACKAGES],
    }],
  },
  {
    client: "grpc++",
    lane: "apt",
    output: `${TOOLS}/interop-cpp/client`,
    sources: ["cpp/client.cc", "interop.proto"],
    packages: CPP_PACKAGES,
    steps: [
      {
        program: "sh",
        args: [
          "-c",
          'protoc -I "$1" --cpp_out="$2" --grpc_out="$2" --plugin=protoc-gen-grpc="$(command -v grpc_cpp_plugin)" interop.proto',
          ...["sh", SOURCES, `${TOOLS}/interop-cpp`],
        ],
      },
      {
        program: "g++",
        args: [
          ...["-std=c++17", "-O1", "-I", `${TOOLS}/interop-cpp`, `${SOURCES}/cpp/client.cc`],
          ...["interop.pb.cc", "interop.grpc.pb.cc"].map((name) => `${TOOLS}/interop-cpp/${name}`),
          // The abseil libraries that the stubs need differ between versions of grpc++, which links them itself.
          ...["-o", `${TOOLS}/interop-cpp/client`, "-Wl,--copy-dt-needed-entries", "-lgrpc++", "-lprotobuf"],
        ],
      },
    ],
  },
];

/** The clients. A client older than its sources counts as missing. */
export const INTEROP_INSTALLATIONS: readonly Installation[] = BUILDS.map((build) => ({
  name: `the ${build.client} client`,
  title: `Building the ${build.client} client of tests/transport/interop`,
  lane: build.lane,
  isInstalled: () => isFresh(build),
  install: () => make(build),
}));

async function make(build: Build): Promise<void> {
  await Deno.mkdir(dirname(build.output), { recursive: true });
  let finished = await runSteps(build.steps);
  if (!finished.success && build.packages !== undefined) {
    await installPackages(build.packages);
    finished = await runSteps(build.steps);
  }
  if (!finished.success) throw new TaskError(lastLine(finished.output));
}

async function isFresh({ output, sources }: Build): Promise<boolean> {
  if (!await exists(output)) return false;
  const built = (await Deno.stat(output)).mtime?.getTime() ?? 0;
  const times = await Promise.all(sources.map(async (path) => (await Deno.stat(`${SOURCES}/${path}`)).mtime));
  return times.every((time) => (time?.getTime() ?? Infinity) <= built);
}

async function runSteps(steps: readonly Step[]): Promise<Finished> {
  for (const { program, args } of steps) {
    const finished = await run(program, args) ?? { success: false, output: `there is no ${program}` };
    if (!finished.success) return finished;
  }
  return { success: true, output: "" };
}
